"""Fixtures that start real peers; register them with ``pytest_plugins``."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers import dcmtk, node, orthanc, postgresql


@pytest.fixture
def reception(tmp_path: Path) -> Iterator[node.Reception]:
    """One receiver process on a free port, with an archive of its own."""
    with node.reception(tmp_path / "archive") as running:
        yield running


@pytest.fixture
def dcmtk_storescp(tmp_path: Path) -> Iterator[dcmtk.StoreScp]:
    """A DCMTK ``storescp`` that takes everything."""
    with dcmtk.storescp(tmp_path / "storescp") as running:
        yield running


@pytest.fixture(scope="session")
def plain_orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[orthanc.Orthanc]:
    """An Orthanc paired with no node that runs, for tests that only need a peer."""
    with orthanc.orthanc(tmp_path_factory.mktemp("orthanc")) as running:
        yield running


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[postgresql.PostgreSql]:
    """A PostgreSQL server with no databases of ours yet."""
    with postgresql.postgresql(tmp_path_factory.mktemp("postgresql")) as running:
        yield running
