"""The tables of storage commitment: what others have asked the node for, and what it has asked."""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import JOBS, METADATA, UID, UtcDateTime

# What others have asked for; ``not_before`` is when the next try to tell the result is due.
COMMITMENT_REQUESTS = sa.Table(
    "commitment_requests",
    METADATA,
    sa.Column("transaction_uid", UID, primary_key=True),
    sa.Column("requestor", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("failed", sa.Integer, nullable=False),
    sa.Column("last_error", sa.Text, nullable=False),
    sa.Column("not_before", UtcDateTime),
    sa.Column("ended_at", UtcDateTime),
    sa.Index(None, "state", "received_at"),
)

COMMITMENT_REFERENCES = sa.Table(
    "commitment_references",
    METADATA,
    sa.Column(
        "transaction_uid", UID, sa.ForeignKey(COMMITMENT_REQUESTS.c.transaction_uid),
        primary_key=True,
    ),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("sop_class_uid", UID, nullable=False),
    sa.Column("sop_instance_uid", UID, nullable=False, index=True),
)  # fmt: skip

# What the node has asked destinations for, one or more of a delivery; ``waited`` are the seconds
# since then by a clock that nobody sets, ``failed`` reasons by SOP Instance UID once answered.
COMMITMENTS = sa.Table(
    "commitments",
    METADATA,
    sa.Column("transaction_uid", UID, primary_key=True),
    sa.Column("job_id", sa.String(32), sa.ForeignKey(JOBS.c.job_id), nullable=False, index=True),
    sa.Column("delivery_id", sa.String(32), nullable=False, index=True),
    sa.Column("destination", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("answered_at", UtcDateTime),
    sa.Column("waited", sa.Float, nullable=False),
    sa.Column("sop_instance_uids", sa.JSON, nullable=False),
    sa.Column("failed", sa.JSON, nullable=False),
    sa.Index(None, "state", "destination"),
)
