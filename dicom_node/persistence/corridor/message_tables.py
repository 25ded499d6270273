"""The table of messages that the node sends others of itself."""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UID, UtcDateTime

PEER_MESSAGES = sa.Table(
    "peer_messages",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("receiver", sa.String(16), nullable=False),
    sa.Column("channel", sa.String(16), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("sop_instance_uid", UID, nullable=False),
    sa.Column("event_type", sa.Integer, nullable=False),
    sa.Column("attributes", sa.JSON, nullable=False),
    sa.Column("study_instance_uid", UID, nullable=False, index=True),
    # what it tells of, such as a delivery: told to each receiver once
    sa.Column("about", sa.String(64), nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("last_error", sa.Text, nullable=False),
    sa.Column("not_before", UtcDateTime),
    sa.Column("ended_at", UtcDateTime, index=True),
    sa.Index(None, "state", "channel", "receiver", "number"),
)
