"""Readers who say first what is to be seen, by rule or because they want to"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("review_items", "users"):
        op.add_column(
            table,
            sa.Column("reads_first", sa.Boolean(), nullable=False, server_default=sa.false()),
        )
    op.create_table(
        "review_first_readings",
        sa.Column("item_id", sa.String(32), nullable=False),
        sa.Column("reader", sa.String(64), nullable=False),
        sa.Column("given_at", sa.DateTime(), nullable=False),
        sa.Column("said", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("item_id", "reader", name=op.f("pk_review_first_readings")),
    )


def downgrade() -> None:
    op.drop_table("review_first_readings")
    for table in ("users", "review_items"):
        with op.batch_alter_table(table) as changed:
            changed.drop_column("reads_first")
