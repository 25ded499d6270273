"""In which language destinations get results, and people read pages"""

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "ae_titles", sa.Column("language", sa.String(8), nullable=False, server_default="en")
    )
    op.add_column(
        "ae_titles", sa.Column("beside", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column(
        "substitutes", sa.Column("rendition", sa.String(16), nullable=False, server_default="")
    )
    op.add_column("users", sa.Column("language", sa.String(8), nullable=False, server_default=""))


def downgrade() -> None:
    for table, columns in (
        ("users", ("language",)),
        ("substitutes", ("rendition",)),
        ("ae_titles", ("beside", "language")),
    ):
        with op.batch_alter_table(table) as batch_op:
            for column in columns:
                batch_op.drop_column(column)
