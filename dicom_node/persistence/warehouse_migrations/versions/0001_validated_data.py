"""Validated data"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "warehouse_devices",
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("calling_ae", sa.String(length=16), nullable=False),
        sa.Column("manufacturer", sa.String(length=64), nullable=False),
        sa.Column("model_name", sa.String(length=64), nullable=False),
        sa.Column("serial_number", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_warehouse_devices")),
    )
    op.create_table(
        "warehouse_records",
        sa.Column("record_id", sa.String(length=32), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("model_name", sa.String(length=64), nullable=False),
        sa.Column("model_version", sa.String(length=32), nullable=False),
        sa.Column("weights_digest", sa.String(length=64), nullable=False),
        sa.Column("ai_report_uid", sa.String(length=64), nullable=False),
        sa.Column("verdict_object_uid", sa.String(length=64), nullable=False),
        sa.Column("verification", sa.String(length=16), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.Column("filed_at", sa.DateTime(), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["device_id"],
            ["warehouse_devices.device_id"],
            name=op.f("fk_warehouse_records_device_id_warehouse_devices"),
        ),
        sa.PrimaryKeyConstraint("record_id", name=op.f("pk_warehouse_records")),
    )
    with op.batch_alter_table("warehouse_records", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_warehouse_records_decided_at"), ["decided_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_warehouse_records_device_id"), ["device_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_warehouse_records_study_instance_uid"),
            ["study_instance_uid"],
            unique=False,
        )

    op.create_table(
        "warehouse_images",
        sa.Column("record_id", sa.String(length=32), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=512), nullable=False),
        sa.Column("archived_path", sa.String(length=512), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_id"],
            ["warehouse_records.record_id"],
            name=op.f("fk_warehouse_images_record_id_warehouse_records"),
        ),
        sa.PrimaryKeyConstraint("record_id", "sop_instance_uid", name=op.f("pk_warehouse_images")),
    )
    with op.batch_alter_table("warehouse_images", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_warehouse_images_sop_instance_uid"), ["sop_instance_uid"], unique=False
        )

    op.create_table(
        "warehouse_truths",
        sa.Column("record_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("model_name", sa.String(length=64), nullable=False),
        sa.Column("model_version", sa.String(length=32), nullable=False),
        sa.Column("weights_digest", sa.String(length=64), nullable=False),
        sa.Column("patient_key", sa.String(length=64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("frame_number", sa.Integer(), nullable=True),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Boolean(), nullable=True),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("weight", sa.Float(), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=True),
        sa.Column("threshold", sa.Float(), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("judgement", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["record_id"],
            ["warehouse_records.record_id"],
            name=op.f("fk_warehouse_truths_record_id_warehouse_records"),
        ),
        sa.PrimaryKeyConstraint("record_id", "position", name=op.f("pk_warehouse_truths")),
    )
    with op.batch_alter_table("warehouse_truths", schema=None) as batch_op:
        batch_op.create_index(
            "ix_warehouse_truths_age", ["decided_at", "record_id", "position"], unique=False
        )
        batch_op.create_index(
            "ix_warehouse_truths_device",
            ["device_id", "model_name", "label", "decided_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_warehouse_truths_sop_instance_uid"), ["sop_instance_uid"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("warehouse_truths", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warehouse_truths_sop_instance_uid"))
        batch_op.drop_index("ix_warehouse_truths_device")
        batch_op.drop_index("ix_warehouse_truths_age")

    op.drop_table("warehouse_truths")
    with op.batch_alter_table("warehouse_images", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warehouse_images_sop_instance_uid"))

    op.drop_table("warehouse_images")
    with op.batch_alter_table("warehouse_records", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_warehouse_records_study_instance_uid"))
        batch_op.drop_index(batch_op.f("ix_warehouse_records_device_id"))
        batch_op.drop_index(batch_op.f("ix_warehouse_records_decided_at"))

    op.drop_table("warehouse_records")
    op.drop_table("warehouse_devices")
