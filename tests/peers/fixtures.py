"""Fixtures that start real peers; register them with ``pytest_plugins``."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dicom_node.persistence.database import make_engine, migrate
from tests.peers import dcmtk, node, orthanc, postgresql


@pytest.fixture(scope="session")
def shared_reception(tmp_path_factory: pytest.TempPathFactory) -> Iterator[node.Reception]:
    """One receiver process for the whole session: use ``reception``."""
    with node.reception(tmp_path_factory.mktemp("node") / "archive") as running:
        yield running


@pytest.fixture
def reception(shared_reception: node.Reception) -> Iterator[node.Reception]:
    """One receiver process on a free port, as if it had just started: do not end it."""
    yield shared_reception
    shared_reception.forget()


@pytest.fixture
def own_reception(tmp_path: Path) -> Iterator[node.Reception]:
    """One receiver process on a free port, for tests that end it."""
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
def postgres() -> Iterator[postgresql.PostgreSql]:
    """A PostgreSQL server with no databases of ours yet."""
    with postgresql.postgresql() as running:
        yield running


@pytest.fixture(scope="session")
def migrated_postgres(postgres: postgresql.PostgreSql) -> Callable[[], str]:
    """Make databases with the Hotbase's schema and no rows; return the URL of each."""
    template = "migrated"
    engine = make_engine(postgres.database(template))
    migrate(engine)
    engine.dispose()
    return lambda: postgres.database(f"test_{uuid.uuid4().hex}", template)


@pytest.fixture(scope="session")
def unused_postgres() -> list[str]:
    """URLs of databases that tests have given back: use ``empty_postgres``."""
    return []


@pytest.fixture
def empty_postgres(
    migrated_postgres: Callable[[], str], unused_postgres: list[str]
) -> Iterator[str]:
    """A database with the Hotbase's schema and no rows: do not change its schema.

    Emptying one takes a tenth of the processor time of making one, and a hundredth of the files.
    """
    url = unused_postgres.pop() if unused_postgres else migrated_postgres()
    tables = postgresql.tables(url)
    yield url
    postgresql.empty(url)
    assert postgresql.tables(url) == tables, "it is not to be had by another test so"
    unused_postgres.append(url)
