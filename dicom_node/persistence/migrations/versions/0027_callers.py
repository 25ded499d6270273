"""From where AE titles may call; those that are there already go on calling from anywhere"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "ae_titles", sa.Column("callers", sa.JSON(), nullable=False, server_default='["any"]')
    )
    op.add_column(
        "ae_titles", sa.Column("certificates", sa.JSON(), nullable=False, server_default="[]")
    )


def downgrade() -> None:
    with op.batch_alter_table("ae_titles") as table:
        table.drop_column("certificates")
        table.drop_column("callers")
