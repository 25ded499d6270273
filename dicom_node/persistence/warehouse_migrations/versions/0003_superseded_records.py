"""Records whose verdicts were taken back"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "warehouse_superseded_records",
        sa.Column("record_id", sa.String(length=32), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("superseded_at", sa.DateTime(), nullable=False),
        sa.Column("superseded_by", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint(
            "record_id", "decided_at", name=op.f("pk_warehouse_superseded_records")
        ),
    )
    op.create_index(
        op.f("ix_warehouse_superseded_records_study_instance_uid"),
        "warehouse_superseded_records",
        ["study_instance_uid"],
    )


def downgrade() -> None:
    op.drop_table("warehouse_superseded_records")
