"""The Hotbase's tables of shadow runs; nothing that makes or sends evidence reads them."""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UID, UtcDateTime

SHADOWS = sa.Table(
    "shadows",
    METADATA,
    sa.Column("model_name", sa.String(64), primary_key=True),
    sa.Column("version", sa.String(32), nullable=False),
    sa.Column("weights_digest", sa.String(64), nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
)

SHADOW_SCORES = sa.Table(
    "shadow_scores",
    METADATA,
    sa.Column("weights_digest", sa.String(64), primary_key=True),
    sa.Column("job_id", sa.String(32), primary_key=True),
    sa.Column("sop_instance_uid", UID, primary_key=True),
    sa.Column("device_id", sa.String(64), nullable=False),
    sa.Column("model_name", sa.String(64), nullable=False),
    sa.Column("champion_digest", sa.String(64), nullable=False),
    sa.Column("scored_at", UtcDateTime, nullable=False),
    sa.Column("scores", sa.JSON, nullable=False),
    sa.Column("champion_scores", sa.JSON, nullable=False),
    sa.Column("champion_calls", sa.JSON, nullable=False),
    sa.Column("failure", sa.Text, nullable=False),
)
