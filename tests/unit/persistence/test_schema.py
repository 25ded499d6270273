"""The migrations make exactly the tables that the code uses."""

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from dicom_node.errors import ConfigurationError
from dicom_node.persistence.database import make_engine, migrate, schema_revision
from dicom_node.persistence.schema import HOTBASE


def test_the_migrated_schema_is_the_one_in_the_code(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), HOTBASE) == []


def test_migrating_again_changes_nothing(engine: sa.Engine) -> None:
    before = schema_revision(engine)
    migrate(engine)
    assert schema_revision(engine) == before
    assert before[0] == before[1]


@pytest.mark.parametrize("url", ["nonsense", "nosuchdb://host/name"])
def test_a_url_that_cannot_be_used_says_what_to_give(url: str) -> None:
    with pytest.raises(ConfigurationError, match="sqlite:///FILE"):
        make_engine(url)
