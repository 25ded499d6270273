"""The tables of the Warehouse, a database of its own: what experts have validated, by device.

A record's body is written once and never changed; what is asked for often stands in columns. A
record whose verdict was taken back is moved aside, to where nobody learns from it.
"""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UID, UtcDateTime

WAREHOUSE = sa.MetaData(naming_convention=METADATA.naming_convention)
_RECORD_ID = sa.String(32)
_DEVICE_ID = sa.String(64)

DEVICES = sa.Table(
    "warehouse_devices",
    WAREHOUSE,
    sa.Column("device_id", _DEVICE_ID, primary_key=True),
    sa.Column("calling_ae", sa.String(16), nullable=False),
    sa.Column("manufacturer", sa.String(64), nullable=False),
    sa.Column("model_name", sa.String(64), nullable=False),
    sa.Column("serial_number", sa.String(64), nullable=False),
)

RECORDS = sa.Table(
    "warehouse_records",
    WAREHOUSE,
    sa.Column("record_id", _RECORD_ID, primary_key=True),
    sa.Column(
        "device_id", _DEVICE_ID, sa.ForeignKey(DEVICES.c.device_id), nullable=False, index=True
    ),
    sa.Column("study_instance_uid", UID, nullable=False, index=True),
    sa.Column("model_name", sa.String(64), nullable=False),
    sa.Column("model_version", sa.String(32), nullable=False),
    sa.Column("weights_digest", sa.String(64), nullable=False),
    sa.Column("ai_report_uid", UID, nullable=False),
    sa.Column("verdict_object_uid", UID, nullable=False),
    sa.Column("verification", sa.String(16), nullable=False),
    sa.Column("decided_at", UtcDateTime, nullable=False, index=True),
    sa.Column("filed_at", UtcDateTime, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
)

IMAGES = sa.Table(
    "warehouse_images",
    WAREHOUSE,
    sa.Column("record_id", _RECORD_ID, sa.ForeignKey(RECORDS.c.record_id), primary_key=True),
    sa.Column("sop_instance_uid", UID, primary_key=True, index=True),
    # below the Warehouse's folder; empty where the file was gone
    sa.Column("path", sa.String(512), nullable=False),
    sa.Column("archived_path", sa.String(512), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
)

TRUTHS = sa.Table(
    "warehouse_truths",
    WAREHOUSE,
    sa.Column("record_id", _RECORD_ID, sa.ForeignKey(RECORDS.c.record_id), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("device_id", _DEVICE_ID, nullable=False),
    sa.Column("model_name", sa.String(64), nullable=False),
    sa.Column("model_version", sa.String(32), nullable=False),
    sa.Column("weights_digest", sa.String(64), nullable=False),
    sa.Column("patient_key", sa.String(64), nullable=False),
    sa.Column("sop_instance_uid", UID, nullable=False, index=True),
    sa.Column("frame_number", sa.Integer),
    sa.Column("label", sa.String(64), nullable=False),
    sa.Column("value", sa.Boolean),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("decided_at", UtcDateTime, nullable=False),
    sa.Column("probability", sa.Float),
    sa.Column("threshold", sa.Float),
    sa.Column("score", sa.Float),
    sa.Column("judgement", sa.String(16)),
    sa.Index("ix_warehouse_truths_device", "device_id", "model_name", "label", "decided_at"),
    sa.Index("ix_warehouse_truths_age", "decided_at", "record_id", "position"),
)

# Records whose verdicts were taken back: for the history alone.
SUPERSEDED_RECORDS = sa.Table(
    "warehouse_superseded_records",
    WAREHOUSE,
    sa.Column("record_id", _RECORD_ID, primary_key=True),
    sa.Column("decided_at", UtcDateTime, primary_key=True),
    sa.Column("study_instance_uid", UID, nullable=False, index=True),
    sa.Column("superseded_at", UtcDateTime, nullable=False),
    sa.Column("superseded_by", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
)

# What a patient's images are for: decided once, so that a changed setting moves nobody.
PATIENT_PARTS = sa.Table(
    "warehouse_patient_parts",
    WAREHOUSE,
    sa.Column("patient_key", sa.String(64), primary_key=True),
    sa.Column("part", sa.String(16), nullable=False),
    sa.Column("assigned_at", UtcDateTime, nullable=False),
)

# The frozen sets: which images a model is measured on for a device, each by one record's verdict.
HELD_OUT_IMAGES = sa.Table(
    "warehouse_held_out_images",
    WAREHOUSE,
    sa.Column("model_name", sa.String(64), primary_key=True),
    sa.Column("device_id", _DEVICE_ID, primary_key=True),
    sa.Column("sop_instance_uid", UID, primary_key=True),
    sa.Column("record_id", _RECORD_ID, nullable=False),
    sa.Column("patient_key", sa.String(64), nullable=False),
    sa.Column("frozen_at", UtcDateTime, nullable=False),
)
