"""The table of steps of somebody else's worklist that the node performs."""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UID, UtcDateTime

TAKEN_STEPS = sa.Table(
    "taken_steps",
    METADATA,
    sa.Column("uid", UID, primary_key=True),
    sa.Column("manager", sa.String(16), nullable=False),
    sa.Column("transaction_uid", UID, nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("taken_at", UtcDateTime, nullable=False),
    sa.Column("study_instance_uid", UID, nullable=False, index=True),
    sa.Column("asked_revision", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
