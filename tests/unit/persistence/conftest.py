"""Every test of the stores runs on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.persistence.database import make_engine
from tests.schema import give_schema


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.peer)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """An empty database with the current schema: SQLite, then PostgreSQL."""
    if request.param == "sqlite":
        made = make_engine(f"sqlite:///{tmp_path / 'hotbase.sqlite'}")
        give_schema(made)
    else:
        made = make_engine(request.getfixturevalue("empty_postgres"))
    yield made
    made.dispose()
