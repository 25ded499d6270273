"""Engines, and the schema they must have."""

import logging
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from dicom_node.errors import ConfigurationError

_LOG = logging.getLogger(__name__)
MIGRATIONS = Path(__file__).parent / "migrations"
WAREHOUSE_MIGRATIONS = Path(__file__).parent / "warehouse_migrations"


def make_engine(url: str) -> sa.Engine:
    """Return an engine for ``url``; an SQLite file's folder is made when it is missing.

    SQLite runs with a write-ahead log, so that readers never wait, and with full synchronisation,
    so that what is committed survives a power cut (but see `repeatable`).

    Raises
    ------
    ConfigurationError
        When the URL cannot be parsed or its driver is not installed.
    """
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _tune_sqlite)
        sa.event.listen(engine, "begin", _begin_immediate)
    return engine


def repeatable(engine: sa.Engine) -> sa.Engine:
    """Return the same engine for what is done again from elsewhere should a power cut undo it.

    Its commits to SQLite are not waited for until they are on the disk; the next one of anybody
    that is takes them along. Whatever else stops the node undoes none. What is left after a power
    cut is what there was at one moment: never a later commit without those before it. PostgreSQL
    makes all of them durable.
    """
    return engine.execution_options(**{_REPEATABLE: True})


_REPEATABLE = "dicom_node_repeatable"
_FULL, _NORMAL = "FULL", "NORMAL"
# Twenty people at once keep more connections busy than SQLAlchemy's five; one that is beyond those
# kept is opened anew for each request, which takes longer than what it is for. The one given back
# last is taken next: it knows the statements, and those that only a rush needs stay small.
_POOL: Mapping[str, Any] = {"pool_size": 12, "max_overflow": 8, "pool_use_lifo": True}
# Each connection keeps pages of its own, 2 MiB of them unless told otherwise: dozens fill theirs
# while a database grows, with pages that the system keeps once for all of them anyway.
_PAGES_KIB = 256
_SQLITE = (
    *("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=30000"),
    f"cache_size=-{_PAGES_KIB}",
)


def _engine(url: str) -> sa.Engine:
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "postgresql" and parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        is_postgresql = parsed.get_backend_name() == "postgresql"
        engine = sa.create_engine(
            parsed,
            **(_POOL if parsed.database else {}),
            pool_pre_ping=parsed.get_backend_name() != "sqlite",
            connect_args=postgresql_arguments(url) if is_postgresql else {},
        )
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise ConfigurationError(
            "database.url cannot be used: give sqlite:///FILE or postgresql://USER@HOST/NAME."
        ) from error
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    return engine


def postgresql_arguments(url: str) -> dict[str, Any]:
    """Return what every connection is opened with, unless the URL itself says otherwise.

    Both sides notice within 15 seconds that the other is gone: a host that is cut off must not
    hold locks for hours, nor wait for answers that never come.
    """
    server = " ".join(
        f"-c {name}={value}"
        for name, value in (
            ("tcp_keepalives_idle", 5),
            ("tcp_keepalives_interval", 5),
            ("tcp_keepalives_count", 2),
            ("tcp_user_timeout", 15000),
        )
    )
    own: dict[str, Any] = {
        "connect_timeout": 5,
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 2,
        "tcp_user_timeout": 15000,
        "options": server,
    }
    said = sa.make_url(url).query
    return {name: value for name, value in own.items() if name not in said}


def make_workflow_engine(url: str) -> sa.Engine | None:
    """Return the engine that DBOS is to use for its store; None: it makes the right one itself.

    Raises
    ------
    ConfigurationError
        When the URL cannot be used.
    """
    engine = _engine(url)
    if engine.dialect.name != "sqlite":
        engine.dispose()
        return None
    sa.event.listen(engine, "connect", _tune_workflow_store)
    return engine


def migrate(engine: sa.Engine, migrations: Path = MIGRATIONS) -> None:
    """Bring the schema up to date; running it again changes nothing."""
    current, newest = schema_revision(engine, migrations)
    if current == newest:
        return
    if current is not None and newest is not None and current > newest:
        # A newer version runs beside this one, or did: what migrations add, this one leaves alone.
        _LOG.warning("schema is newer than this version schema=%s known=%s", current, newest)
        return
    # What changes schemas loads for longer than all else here, and is seldom needed.
    from dicom_node.persistence.upgrading import upgrade  # noqa: PLC0415

    upgrade(engine, migrations)


def schema_revision(
    engine: sa.Engine, migrations: Path = MIGRATIONS
) -> tuple[str | None, str | None]:
    """Return the schema's revision and the newest one that this version knows.

    Revisions are numbered by the names of their files.
    """
    table = sa.table(version_table(migrations), sa.column("version_num", sa.String))
    with engine.connect() as connection:
        is_there = sa.inspect(connection).has_table(table.name)
        current = connection.scalar(sa.select(table.c.version_num)) if is_there else None
    files = (migrations / "versions").glob("[0-9]*.py")
    return current, max((each.name.partition("_")[0] for each in files), default=None)


def version_table(migrations: Path) -> str:
    """Name the table that holds a schema's revision: both schemas may share one database."""
    return "alembic_version" if migrations == MIGRATIONS else "warehouse_version"


def _tune_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    # Transactions are begun by _begin_immediate, not by the driver (SQLAlchemy's SQLite notes).
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (*_SQLITE, "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _tune_workflow_store(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = "IMMEDIATE"
    cursor = connection.cursor()
    # A power cut may undo the last notes of what was done, and that is done again then: steps give
    # the same when they are repeated, and salvage begins anew what no note is left of.
    for pragma in (*_SQLITE, "synchronous=NORMAL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    if sqlite3.sqlite_version_info < (3, 42):
        # DBOS asks for unixepoch('subsec'), which SQLite knows since 3.42; Debian 12 has 3.40.
        connection.create_function("unixepoch", 1, _unixepoch)


def _unixepoch(modifier: str) -> float:
    if modifier != "subsec":
        raise ValueError("only unixepoch('subsec') is provided")
    return time.time()


def _begin_immediate(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later would otherwise fail with "database is
    # locked" at its first write whenever another process wrote in between.
    options = connection.get_execution_options()
    read_only = options.get("read_only", False)
    if not read_only:
        _synchronise(connection, _NORMAL if options.get(_REPEATABLE, False) else _FULL)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _synchronise(connection: sa.Connection, way: str) -> None:
    """Have the next commit wait for the disk (FULL), or not; it holds for as long as it is open."""
    if connection.info.get(_REPEATABLE, _FULL) != way:
        connection.exec_driver_sql(f"PRAGMA synchronous={way}")
        connection.info[_REPEATABLE] = way
