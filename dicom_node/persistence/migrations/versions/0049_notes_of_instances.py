"""Notes of what instances are asked for, in the index of their order

They are filled by the running node, page by page: a table of a million rows is not locked for the
minutes that takes, in which hosts of the earlier version would wait.
"""

import sqlalchemy as sa
from alembic import op

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

_TABLE, _INDEX = "instance_attributes", "ix_instance_attributes_order"
_ORDER = ("study_instance_uid", "series_instance_uid", "instance_number", "sop_instance_uid")
_NOTED = (
    "rows",
    "columns",
    "bits_allocated",
    "number_of_frames",
    "instance_creation_date",
    "instance_creation_time",
    "content_date",
    "content_time",
    "acquisition_date",
    "acquisition_time",
    "acquisition_number",
    "image_type",
    "image_laterality",
    "view_position",
    "presentation_intent_type",
    "photometric_interpretation",
    "content_label",
    "content_description",
    "completion_flag",
    "verification_flag",
    "concept_name_code_sequence",
)


def upgrade() -> None:
    op.drop_index(_INDEX, _TABLE)
    for name in _NOTED:
        op.add_column(_TABLE, sa.Column(name, sa.Text))
    op.create_index(_INDEX, _TABLE, [*_ORDER, "sop_class_uid", *_NOTED])


def downgrade() -> None:
    op.drop_index(_INDEX, _TABLE)
    for name in _NOTED:
        op.drop_column(_TABLE, name)
    op.create_index(_INDEX, _TABLE, [*_ORDER])
