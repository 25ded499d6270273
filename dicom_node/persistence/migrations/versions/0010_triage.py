"""How probably the images of a review item are not normal, and the order that follows from it"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# A key was priority, then 42 bits of age. It becomes priority, 4 bits of share, age; 5 of 10 is
# the share of items of which nobody has said how probably they are normal.
_AGE = 1 << 42
_ITEMS = sa.table(
    "review_items",
    sa.column("triage_key", sa.BigInteger),
    sa.column("age_key", sa.BigInteger),
    sa.column("priority", sa.BigInteger),
)


def upgrade() -> None:
    with op.batch_alter_table("review_items", schema=None) as batch_op:
        batch_op.add_column(sa.Column("abnormality", sa.Float(), nullable=True))
    rank = _ITEMS.c.priority * 16 + 5
    op.execute(_ITEMS.update().values(triage_key=rank * _AGE + _ITEMS.c.age_key))


def downgrade() -> None:
    key = _ITEMS.c.priority * _AGE + _ITEMS.c.age_key
    op.execute(_ITEMS.update().values(triage_key=key))
    with op.batch_alter_table("review_items", schema=None) as batch_op:
        batch_op.drop_column("abnormality")
