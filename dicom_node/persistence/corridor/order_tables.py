"""The table of orders that a worklist had for studies whose images name none."""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UID, UtcDateTime

# A row where a worklist has answered; ``found`` is null where it had no order, or several.
IMAGING_ORDERS = sa.Table(
    "imaging_orders",
    METADATA,
    sa.Column("study_instance_uid", UID, primary_key=True),
    sa.Column("found", sa.JSON(none_as_null=True)),
    sa.Column("asked_at", UtcDateTime, nullable=False),
)
