"""Patients that models are measured on, and the frozen sets"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "warehouse_patient_parts",
        sa.Column("patient_key", sa.String(length=64), nullable=False),
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.Column("assigned_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("patient_key", name=op.f("pk_warehouse_patient_parts")),
    )
    op.create_table(
        "warehouse_held_out_images",
        sa.Column("model_name", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=32), nullable=False),
        sa.Column("patient_key", sa.String(length=64), nullable=False),
        sa.Column("frozen_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            "model_name",
            "device_id",
            "sop_instance_uid",
            name=op.f("pk_warehouse_held_out_images"),
        ),
    )


def downgrade() -> None:
    op.drop_table("warehouse_held_out_images")
    op.drop_table("warehouse_patient_parts")
