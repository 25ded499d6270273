"""Migrations of a schema by Alembic, run where a schema is not the newest."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

_LOCK = 0x6469636F6D  # "dicom"


def upgrade(engine: sa.Engine, migrations: Path) -> None:
    """Run what is missing, in one transaction; ``migrations`` is Alembic's folder of scripts."""
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Hosts that start together: one migrates, the others wait and find it done.
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
