"""Databases with the current schema; the migrations run once a process, not once a test."""

import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.node.repositories import Repositories
from dicom_node.persistence import upgrading
from dicom_node.persistence.database import (
    MIGRATIONS,
    WAREHOUSE_MIGRATIONS,
    make_engine,
    migrate,
)
from dicom_node.persistence.upgrading import upgrade


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


def copy_schema(engine: sa.Engine, migrations: Path) -> None:
    """Do for a new SQLite file what ``upgrade`` does, by copying; another database is upgraded."""
    if engine.dialect.name != "sqlite" or sa.inspect(engine).get_table_names():
        upgrade(engine, migrations)
        return
    with closing(sqlite3.connect(":memory:")) as template, engine.connect() as connection:
        whole = _migrated(migrations)
        # What lies in memory has no log beside it (bytes 18 and 19 of SQLite's file format).
        template.deserialize(whole[:18] + b"\1\1" + whole[20:])
        taken = connection.connection.driver_connection
        assert isinstance(taken, sqlite3.Connection)
        template.backup(taken)


@contextmanager
def schemas_copied() -> Iterator[None]:
    """Let whatever brings a database of this process up to date do it by `copy_schema`."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(upgrading, "upgrade", copy_schema)
        yield


@cache
def _migrated(migrations: Path) -> bytes:
    """An SQLite file with all migrations and no rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "migrated.sqlite"
        engine = make_engine(f"sqlite:///{path}")
        upgrade(engine, migrations)
        engine.dispose()  # the last connection writes the log into the file
        return path.read_bytes()
