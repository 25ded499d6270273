"""Verdicts that were taken back, and an order that tells nothing to who must read first"""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "review_items", sa.Column("reopened", sa.Integer(), nullable=False, server_default="0")
    )
    op.create_table(
        "review_reopenings",
        sa.Column("item_id", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("reopened_by", sa.String(64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("reopened_at", sa.DateTime(), nullable=False),
        sa.Column("decided_by", sa.JSON(), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.Column("readings", sa.JSON(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("item_id", "number", name=op.f("pk_review_reopenings")),
    )
    op.create_index(
        "ix_review_reopenings_learned",
        "review_reopenings",
        ["reopened_at"],
        sqlite_where=sa.text("NOT withdrawn"),
        postgresql_where=sa.text("NOT withdrawn"),
    )
    # As ReviewItem.rank and rows.order_keys have it: no share, and no priority but a route's.
    op.execute(
        "UPDATE review_items SET "
        "triage_key = ((CASE WHEN priority = 1 THEN 1 ELSE 2 END) * 16 + 5) * 4398046511104"
        " + age_key, "
        "certainty_key = 500000 * 4398046511104 + age_key "
        "WHERE reads_first"
    )


def downgrade() -> None:
    op.drop_table("review_reopenings")
    with op.batch_alter_table("review_items") as changed:
        changed.drop_column("reopened")
