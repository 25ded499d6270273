"""By what a session was begun: where passwords open nothing, those begun with one are ended"""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("is_elsewhere", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("sessions", column)


def downgrade() -> None:
    op.drop_column("sessions", "is_elsewhere")
