"""A CT's figures wait for an expert as findings do"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "review_ct",
        sa.Column("item_id", sa.String(32), nullable=False),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.Column("contours", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"], ["review_items.item_id"], name=op.f("fk_review_ct_item_id_review_items")
        ),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_review_ct")),
    )


def downgrade() -> None:
    op.drop_table("review_ct")
