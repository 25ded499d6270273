"""The Hotbase's tables of procedure steps: what requesters and performers made of review items.

A review item that nobody has touched over DICOM has no row here: its step is the item itself.
"""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UID, UtcDateTime

_CURRENT = sa.text("is_current")

PROCEDURE_STEPS = sa.Table(
    "procedure_steps",
    METADATA,
    sa.Column("uid", UID, primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("item_id", sa.String(32), index=True),
    sa.Column("study_instance_uid", UID, nullable=False, index=True),
    sa.Column("round", sa.Integer, nullable=False),
    # whether it stands for its review item now; at most one does
    sa.Column("is_current", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("transaction_uid", UID, nullable=False),
    sa.Column("performer", sa.String(16), nullable=False),
    sa.Column("locked_at", UtcDateTime),
    sa.Column("requester", sa.String(16), nullable=False),
    sa.Column("asked_revision", sa.Integer, nullable=False),
    sa.Column("scheduled_at", UtcDateTime, nullable=False),
    sa.Column("modified_at", UtcDateTime, nullable=False),
    sa.Column("attributes", sa.JSON, nullable=False),
    sa.Index("ix_procedure_steps_state", "state", "scheduled_at", "uid"),
    sa.Index(
        "uq_procedure_steps_current",
        "item_id",
        unique=True,
        sqlite_where=_CURRENT,
        postgresql_where=_CURRENT,
    ),
)
