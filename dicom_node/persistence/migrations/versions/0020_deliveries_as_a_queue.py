"""Deliveries as a queue"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_INDEX = "ix_deliveries_state_destination_urgent_created_at"


def upgrade() -> None:
    with op.batch_alter_table("deliveries") as batch_op:
        batch_op.add_column(
            sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False)
        )
        batch_op.add_column(sa.Column("stored", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("waited", sa.Float(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("not_before", sa.DateTime()))
    op.create_index(_INDEX, "deliveries", ["state", "destination", "urgent", "created_at"])
    op.create_table(
        "outages",
        sa.Column("destination", sa.String(length=16), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("destination", name=op.f("pk_outages")),
    )


def downgrade() -> None:
    op.drop_table("outages")
    op.drop_index(_INDEX, table_name="deliveries")
    with op.batch_alter_table("deliveries") as batch_op:
        for name in ("not_before", "waited", "stored", "urgent"):
            batch_op.drop_column(name)
