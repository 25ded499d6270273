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
_INDEXED = [*_ORDER, "sop_class_uid", *_NOTED]
_NEW_INDEX = "ix_instance_attributes_order_new"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _beside_others()
        return
    op.drop_index(_INDEX, _TABLE)
    for name in _NOTED:
        op.add_column(_TABLE, sa.Column(name, sa.Text))
    op.create_index(_INDEX, _TABLE, _INDEXED)


def _beside_others() -> None:
    """Do the same while other hosts read and write: the table is locked for moments only.

    What was broken off, columns or a half-made index, is taken up by the next try.
    """
    columns = ", ".join(f'ADD COLUMN IF NOT EXISTS "{name}" TEXT' for name in _NOTED)
    with op.get_context().autocommit_block():
        op.execute(f"ALTER TABLE {_TABLE} {columns}")
        op.drop_index(_NEW_INDEX, _TABLE, if_exists=True, postgresql_concurrently=True)
        op.create_index(_NEW_INDEX, _TABLE, _INDEXED, postgresql_concurrently=True)
    # In the transaction that writes the revision: both are done, or none is.
    op.drop_index(_INDEX, _TABLE)
    op.execute(f"ALTER INDEX {_NEW_INDEX} RENAME TO {_INDEX}")


def downgrade() -> None:
    op.drop_index(_INDEX, _TABLE)
    for name in _NOTED:
        op.drop_column(_TABLE, name)
    op.create_index(_INDEX, _TABLE, [*_ORDER])
