"""An index of the studies whose results must be read first"""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

_IS_TO_READ_FIRST = sa.text("is_open AND reads_first")


def upgrade() -> None:
    op.create_index(
        "ix_review_items_to_read_first",
        "review_items",
        ["study_instance_uid"],
        sqlite_where=_IS_TO_READ_FIRST,
        postgresql_where=_IS_TO_READ_FIRST,
    )


def downgrade() -> None:
    op.drop_index("ix_review_items_to_read_first", "review_items")
