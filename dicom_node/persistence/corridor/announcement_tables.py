"""The tables of what others say of studies: steps they perform, and instances that there are."""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UID, UtcDateTime

# A row for each study of a step, mostly one; ``attributes`` is all that was said of the step but
# its instances, in the DICOM JSON Model. Studies may not have come yet: no key is foreign.
PERFORMED_STEPS = sa.Table(
    "performed_steps",
    METADATA,
    sa.Column("uid", UID, primary_key=True),
    sa.Column("study_instance_uid", UID, primary_key=True, index=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reporter", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(64), nullable=False),
    sa.Column("attributes", sa.JSON, nullable=False),
    sa.Column("begun_at", UtcDateTime, nullable=False),
    sa.Column("changed_at", UtcDateTime, nullable=False, index=True),
)

# ``source_uid`` is the step, or the notification, that announces the instance.
ANNOUNCED_INSTANCES = sa.Table(
    "announced_instances",
    METADATA,
    sa.Column("source_uid", UID, primary_key=True),
    sa.Column("sop_instance_uid", UID, primary_key=True),
    sa.Column("study_instance_uid", UID, nullable=False, index=True),
    sa.Column("series_instance_uid", UID, nullable=False),
    sa.Column("sop_class_uid", UID, nullable=False),
    sa.Column("retrieve_ae", sa.String(16), nullable=False),
    sa.Column("announced_at", UtcDateTime, nullable=False, index=True),
)
