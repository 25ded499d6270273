"""Whole copies of databases while others write: SQLite's online backup, and pg_dump.

Neither waits for the node nor makes it wait: both read what was committed at one moment.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from dicom_node.backup.errors import BackupError

_SQLITE, _POSTGRESQL = ".sqlite", ".dump"


def dump(url: str, folder: Path, name: str) -> Path:
    """Copy the database at an SQLAlchemy ``url`` into ``folder``; return the file.

    Raises
    ------
    BackupError
        When the database cannot be read, or PostgreSQL's tools are not installed.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _dump_sqlite(_sqlite_file(parsed), folder / (name + _SQLITE))
    target = folder / (name + _POSTGRESQL)
    _run("pg_dump", "--format=custom", "--no-owner", f"--file={target}", of=parsed)
    _sync(target)
    return target


def load(file: Path, url: str) -> None:
    """Put a copy where ``url`` says, which must be empty.

    Raises
    ------
    BackupError
        When there is a database already, or the copy is one of another kind of database.
    """
    parsed = sa.make_url(url)
    backend = parsed.get_backend_name()
    if file.suffix != (_SQLITE if backend == "sqlite" else _POSTGRESQL):
        raise BackupError(f"{file.name} cannot be restored into {backend}: it is of another kind.")
    if backend == "sqlite":
        _load_sqlite(file, _sqlite_file(parsed))
        return
    require_empty(url)
    _run("pg_restore", "--exit-on-error", "--no-owner", "--single-transaction",
         f"--dbname={parsed.database}", str(file), of=parsed)  # fmt: skip


def require_empty(url: str) -> None:
    """Refuse a place where there is something already.

    Raises
    ------
    BackupError
        When the database at ``url`` has tables, or cannot be reached.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if _sqlite_file(parsed).exists():
            raise BackupError(f"{_sqlite_file(parsed)} exists already: nothing is replaced.")
        return
    engine = sa.create_engine(parsed.set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            inspector = sa.inspect(connection)
            schemas = [each for each in inspector.get_schema_names() if not _is_system(each)]
            tables = [name for each in schemas for name in inspector.get_table_names(each)]
    except sa.exc.SQLAlchemyError as error:
        raise BackupError(f"the database {parsed.database} cannot be read: {error}") from error
    finally:
        engine.dispose()
    if tables:
        raise BackupError(
            f"the database {parsed.database} holds {len(tables)} tables already: nothing is "
            "replaced; give an empty one."
        )


def _is_system(schema: str) -> bool:
    return schema == "information_schema" or schema.startswith("pg_")


def _sqlite_file(url: sa.URL) -> Path:
    if not url.database:
        raise BackupError("a database in memory cannot be backed up")
    return Path(url.database)


def _dump_sqlite(source: Path, target: Path) -> Path:
    if not source.exists():
        raise BackupError(f"{source} does not exist: has the node run with these settings?")
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as read,
            closing(sqlite3.connect(target)) as written,
        ):
            read.backup(written)
            # One file that is whole by itself, whatever becomes of those beside it.
            written.execute("PRAGMA journal_mode=DELETE")
            (said,) = written.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        raise BackupError(f"{source} cannot be copied: {error}") from error
    if said != "ok":
        raise BackupError(f"{source} is damaged: {said}")
    _sync(target)
    return target


def _load_sqlite(file: Path, target: Path) -> None:
    require_empty(f"sqlite:///{target}")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(target.name + ".restoring")
    shutil.copyfile(file, draft)
    _sync(draft)
    draft.rename(target)


def _run(tool: str, *arguments: str, of: sa.URL) -> None:
    """Run one of PostgreSQL's tools; the password goes by its environment, unseen."""
    command = shutil.which(tool)
    if command is None:
        raise BackupError(f"{tool} is not installed: it comes with PostgreSQL's client programs.")
    done = subprocess.run(  # noqa: S603 - the program is found by name, its arguments are ours
        [command, "--no-password", *arguments],
        env={**os.environ, **_environment(of)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BackupError(f"{tool} failed: {done.stderr.strip()}")


def _environment(url: sa.URL) -> Mapping[str, str]:
    host = url.host or url.query.get("host", "")
    found = {
        "PGHOST": host if isinstance(host, str) else host[0],
        "PGPORT": str(url.port or ""),
        "PGUSER": url.username or "",
        "PGPASSWORD": str(url.password or ""),
        "PGDATABASE": url.database or "",
    }
    return {name: value for name, value in found.items() if value}


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
