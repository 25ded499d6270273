"""Migrations of a schema by Alembic, run where a schema is not the newest."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

_LOCK = 0x6469636F6D  # "dicom"
_PAUSE_SECONDS = 0.2


def upgrade(engine: sa.Engine, migrations: Path) -> None:
    """Run what is missing; ``migrations`` is Alembic's folder of scripts.

    On SQLite all of it is one transaction. On PostgreSQL, where hosts of the earlier version work
    meanwhile, each migration is one, and long ones end theirs to let others through; what is
    broken off goes on where it was with the next call.
    """
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("path_separator", "os")
    is_shared = engine.dialect.name == "postgresql"
    with _alone(engine) if is_shared else engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Hosts that start together: one migrates, the others wait and find it done."""
    lock, unlock = (
        sa.select(each(_LOCK))
        for each in (sa.func.pg_try_advisory_lock, sa.func.pg_advisory_unlock)
    )
    with (
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as holder,
        engine.connect() as connection,
    ):
        # Asked again and again: who waits within a statement is waited for by an index that is
        # made concurrently, and both would wait for ever.
        while not holder.scalar(lock):
            time.sleep(_PAUSE_SECONDS)
        try:
            yield connection
        finally:
            holder.execute(unlock)
