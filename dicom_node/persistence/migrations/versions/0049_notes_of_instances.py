"""Notes of what instances are asked for, in the index of their order"""

import sqlalchemy as sa
from alembic import op

from dicom_node.persistence.corridor.attributes import notes_of

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
_AT_ONCE = 1000


def upgrade() -> None:
    op.drop_index(_INDEX, _TABLE)
    for name in _NOTED:
        op.add_column(_TABLE, sa.Column(name, sa.Text))
    _fill(op.get_bind())
    op.create_index(_INDEX, _TABLE, [*_ORDER, "sop_class_uid", *_NOTED])


def downgrade() -> None:
    op.drop_index(_INDEX, _TABLE)
    for name in _NOTED:
        op.drop_column(_TABLE, name)
    op.create_index(_INDEX, _TABLE, [*_ORDER])


def _fill(connection: sa.Connection) -> None:
    """Note what is known; what searches compare must be what this version's code makes."""
    table = sa.table(
        _TABLE, sa.column("sop_instance_uid"), sa.column("attributes"), *map(sa.column, _NOTED)
    )
    order = table.c.sop_instance_uid
    some = sa.select(order, table.c.attributes).order_by(order).limit(_AT_ONCE)
    update = (
        sa.update(table)
        .where(order == sa.bindparam("uid"))
        .values({name: sa.bindparam(f"noted_{name}") for name in _NOTED})
    )
    last = ""
    while rows := list(connection.execute(some.where(order > last))):
        connection.execute(update, [_noted(row.sop_instance_uid, row.attributes) for row in rows])
        last = rows[-1].sop_instance_uid


def _noted(uid: str, attributes: str) -> dict[str, str | None]:
    notes = notes_of(attributes)
    return {"uid": uid, **{f"noted_{name}": notes.get(name) for name in _NOTED}}
