"""Migrations of a schema by Alembic, run where a schema is not the newest."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config


def upgrade(engine: sa.Engine, migrations: Path) -> None:
    """Run what is missing, in one transaction; ``migrations`` is Alembic's folder of scripts."""
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("path_separator", "os")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
