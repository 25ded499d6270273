"""Steps of somebody else's worklist that the node performs"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "taken_steps",
        sa.Column("uid", sa.String(length=64), nullable=False),
        sa.Column("manager", sa.String(length=16), nullable=False),
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("taken_at", sa.DateTime(), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("asked_revision", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_taken_steps")),
    )
    for column in ("state", "study_instance_uid"):
        op.create_index(op.f(f"ix_taken_steps_{column}"), "taken_steps", [column])


def downgrade() -> None:
    op.drop_table("taken_steps")
