"""Orders that a worklist had for studies whose images name none"""

import sqlalchemy as sa
from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imaging_orders",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("found", sa.JSON()),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("study_instance_uid", name=op.f("pk_imaging_orders")),
    )


def downgrade() -> None:
    op.drop_table("imaging_orders")
