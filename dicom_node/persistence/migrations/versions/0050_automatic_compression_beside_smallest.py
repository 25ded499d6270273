"""Automatic compression is kept as the smallest with a mark, which earlier versions can read"""

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None

_ENTRIES = sa.table(
    "ae_titles",
    sa.column("compression", sa.String),
    sa.column("is_near_plain", sa.Boolean),
)


def upgrade() -> None:
    op.add_column(
        "ae_titles",
        sa.Column("is_near_plain", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.execute(
        sa.update(_ENTRIES)
        .where(_ENTRIES.c.compression == "automatic")
        .values(compression="smallest", is_near_plain=sa.true())
    )


def downgrade() -> None:
    op.drop_column("ae_titles", "is_near_plain")
