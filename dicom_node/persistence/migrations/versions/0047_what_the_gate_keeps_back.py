"""An index of the few results that the gate keeps back, which are counted for metrics"""

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

_IS_HELD = sa.text("CAST(problems AS TEXT) != '[]'")


def upgrade() -> None:
    op.create_index(
        "ix_evidence_held",
        "evidence",
        ["kind"],
        sqlite_where=_IS_HELD,
        postgresql_where=_IS_HELD,
    )


def downgrade() -> None:
    op.drop_index("ix_evidence_held", "evidence")
