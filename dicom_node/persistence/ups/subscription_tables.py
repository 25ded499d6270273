"""The tables of who is told what becomes of procedure steps, and of what was told last."""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UID

STEP_SUBSCRIPTIONS = sa.Table(
    "step_subscriptions",
    METADATA,
    sa.Column("receiver", sa.String(16), primary_key=True),
    sa.Column("channel", sa.String(16), primary_key=True),
    sa.Column("scope", UID, primary_key=True, index=True),
    # of the step; empty where the subscription is to steps at large
    sa.Column("study_instance_uid", UID, nullable=False, index=True),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("deletion_lock", sa.Boolean, nullable=False),
    sa.Column("keys", sa.JSON(none_as_null=True)),
)

# The steps that are not over, as their receivers know them; empty while nobody wants to know.
TOLD_STEPS = sa.Table(
    "told_steps",
    METADATA,
    sa.Column("uid", UID, primary_key=True),
    sa.Column("study_instance_uid", UID, nullable=False, index=True),
    sa.Column("state", sa.String(16), nullable=False),
)
