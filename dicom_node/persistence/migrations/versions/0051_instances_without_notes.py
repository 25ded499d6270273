"""Which instances have no notes yet: those that an earlier version has written"""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

_TABLE, _INDEX = "instance_attributes", "ix_instance_attributes_unnoted"


def upgrade() -> None:
    op.add_column(_TABLE, sa.Column("noted", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index(
        _INDEX,
        _TABLE,
        ["sop_instance_uid"],
        sqlite_where=sa.text("noted = 0"),
        postgresql_where=sa.text("NOT noted"),
    )


def downgrade() -> None:
    op.drop_index(_INDEX, _TABLE)
    op.drop_column(_TABLE, "noted")
