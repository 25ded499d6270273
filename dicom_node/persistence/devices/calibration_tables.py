"""The Hotbase's tables of calibrations, of what was observed of each device, and of suspensions."""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UID, UtcDateTime

_DEVICE = sa.String(64)

CALIBRATIONS = sa.Table(
    "calibrations",
    METADATA,
    sa.Column("device_id", _DEVICE, primary_key=True),
    sa.Column("model_name", sa.String(64), primary_key=True),
    sa.Column("weights_digest", sa.String(64), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("calibration_id", sa.String(12), nullable=False, index=True),
    sa.Column("made_by", sa.String(64), nullable=False),
    # The calibration as its digest was computed: text, because a database may reorder JSON.
    sa.Column("body", sa.Text, nullable=False),
)

# Which version was in use from when on: the newest row holds, and going back adds a row.
CALIBRATION_USES = sa.Table(
    "calibration_uses",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("device_id", _DEVICE, nullable=False),
    sa.Column("model_name", sa.String(64), nullable=False),
    sa.Column("weights_digest", sa.String(64), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Index(None, "device_id", "model_name", "weights_digest"),
)

OBSERVATIONS = sa.Table(
    "observations",
    METADATA,
    sa.Column("job_id", sa.String(32), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("sop_instance_uid", UID, nullable=False),
    sa.Column("frame_number", sa.Integer),
    sa.Column("device_id", _DEVICE, nullable=False),
    sa.Column("model_name", sa.String(64), nullable=False),
    sa.Column("weights_digest", sa.String(64), nullable=False),
    sa.Column("observed_at", UtcDateTime, nullable=False),
    sa.Column("quality", sa.JSON),
    sa.Column("scores", sa.JSON, nullable=False),
    sa.Index(None, "device_id", "model_name", "observed_at"),
)

SUSPENSIONS = sa.Table(
    "suspensions",
    METADATA,
    sa.Column("device_id", _DEVICE, primary_key=True),
    sa.Column("model_name", sa.String(64), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
