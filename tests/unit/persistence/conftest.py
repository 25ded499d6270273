"""Every test of the stores runs on both databases."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.persistence.database import make_engine, migrate
from tests.peers.postgresql import PostgreSql


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database with the current schema: SQLite, then PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'hotbase.sqlite'}"
    else:
        server: PostgreSql = request.getfixturevalue("postgres")
        url = server.database(f"test_{uuid.uuid4().hex}")
    made = make_engine(url)
    migrate(made)
    yield made
    made.dispose()
