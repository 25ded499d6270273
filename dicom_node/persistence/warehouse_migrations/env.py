"""Alembic environment of the Warehouse: runs on the connection that ``database`` hands over."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext

from dicom_node.persistence.corridor.tables import UtcDateTime
from dicom_node.persistence.database import WAREHOUSE_MIGRATIONS, version_table
from dicom_node.persistence.warehouse.tables import WAREHOUSE


def _render(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    # A migration must not change when the code does: it names the plain type, not ours.
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=WAREHOUSE,
    version_table=version_table(WAREHOUSE_MIGRATIONS),
    render_as_batch=True,
    transaction_per_migration=True,
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
