"""Databases with the current schema; the migrations run once a process, not once a test."""

import tempfile
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from dicom_node.node.repositories import Repositories
from dicom_node.persistence.database import (
    MIGRATIONS,
    WAREHOUSE_MIGRATIONS,
    make_engine,
    migrate,
)


def give_schema(engine: sa.Engine, migrations: Path = MIGRATIONS) -> None:
    """Bring a database's schema up to date, as `migrate` would; a new SQLite file is a copy."""
    path = Path(engine.url.database or "")
    if engine.dialect.name == "sqlite" and not path.exists():
        path.write_bytes(_migrated(migrations))
    else:
        migrate(engine, migrations)


def give_schemas(repositories: Repositories) -> None:
    """Bring both databases of a node up to date."""
    give_schema(repositories.engine)
    give_schema(repositories.warehouse_engine, WAREHOUSE_MIGRATIONS)


@cache
def _migrated(migrations: Path) -> bytes:
    """An SQLite file with all migrations and no rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.sqlite"
        engine = make_engine(f"sqlite:///{path}")
        migrate(engine, migrations)
        engine.dispose()  # the last connection writes the log into the file
        return path.read_bytes()
