"""Evidence sets; kinds of evidence may have longer names"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_SETS = ("evidence", "deliveries")
_KINDS = ("evidence", "left_out")


def upgrade() -> None:
    for table in _SETS:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN parcel TO evidence_set")
    for table in _KINDS:
        with op.batch_alter_table(table) as batch_op:
            batch_op.alter_column("kind", type_=sa.String(16), existing_type=sa.String(8))


def downgrade() -> None:
    for table in _KINDS:
        with op.batch_alter_table(table) as batch_op:
            batch_op.alter_column("kind", type_=sa.String(8), existing_type=sa.String(16))
    for table in _SETS:
        op.execute(f"ALTER TABLE {table} RENAME COLUMN evidence_set TO parcel")
