"""Indexes by which the newest studies and instances are found, however many there are"""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_studies_last_received_at", "studies", ["last_received_at"])
    op.create_index("ix_instances_received_at", "instances", ["received_at"])


def downgrade() -> None:
    op.drop_index("ix_instances_received_at", table_name="instances")
    op.drop_index("ix_studies_last_received_at", table_name="studies")
