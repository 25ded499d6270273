"""What was changed before it was, and whether the audit trail has it"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit", sa.Column("before", sa.JSON(none_as_null=True), nullable=True))
    op.add_column(
        "audit", sa.Column("recorded", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index(op.f("ix_audit_recorded"), "audit", ["recorded"])


def downgrade() -> None:
    op.drop_index(op.f("ix_audit_recorded"), "audit")
    with op.batch_alter_table("audit") as table:
        table.drop_column("recorded")
        table.drop_column("before")
