"""Interrupted transfers"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("studies") as batch_op:
        batch_op.add_column(sa.Column("interruption", sa.String(length=16)))
        batch_op.add_column(sa.Column("interrupted_by", sa.String(length=16)))
    with op.batch_alter_table("ae_titles") as batch_op:
        batch_op.add_column(sa.Column("patience", sa.Float(), server_default="600", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("ae_titles") as batch_op:
        batch_op.drop_column("patience")
    with op.batch_alter_table("studies") as batch_op:
        batch_op.drop_column("interrupted_by")
        batch_op.drop_column("interruption")
