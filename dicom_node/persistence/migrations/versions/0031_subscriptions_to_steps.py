"""Who is told what becomes of procedure steps"""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "step_subscriptions",
        sa.Column("receiver", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("scope", sa.String(length=64), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("deletion_lock", sa.Boolean(), nullable=False),
        sa.Column("keys", sa.JSON()),
        sa.PrimaryKeyConstraint("receiver", "channel", "scope", name=op.f("pk_step_subscriptions")),
    )
    for column in ("scope", "study_instance_uid"):
        op.create_index(op.f(f"ix_step_subscriptions_{column}"), "step_subscriptions", [column])
    op.create_table(
        "told_steps",
        sa.Column("uid", sa.String(length=64), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_told_steps")),
    )
    op.create_index(op.f("ix_told_steps_study_instance_uid"), "told_steps", ["study_instance_uid"])


def downgrade() -> None:
    op.drop_table("told_steps")
    op.drop_table("step_subscriptions")
