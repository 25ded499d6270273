"""Hosts that share the database: signs of life, leases, open associations, awaited studies"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "hosts",
        sa.Column("executor_id", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("contract", sa.String(64), nullable=False),
        sa.Column("skew", sa.Float(), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("beat", sa.Float(), nullable=False),
        sa.Column("relieved", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("executor_id", name="pk_hosts"),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("executor_id", sa.String(64), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "carried",
        sa.Column("association_id", sa.String(64), nullable=False),
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("executor_id", sa.String(64), nullable=False),
        sa.Column("calling_ae", sa.String(16), nullable=False),
        sa.PrimaryKeyConstraint("association_id", "study_instance_uid", name="pk_carried"),
    )
    op.create_index("ix_carried_study_instance_uid", "carried", ["study_instance_uid"])
    op.create_index("ix_carried_executor_id", "carried", ["executor_id"])
    op.create_table(
        "awaited",
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("workflow_id", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("study_instance_uid", name="pk_awaited"),
    )


def downgrade() -> None:
    for table in ("awaited", "carried", "leases", "hosts"):
        op.drop_table(table)
