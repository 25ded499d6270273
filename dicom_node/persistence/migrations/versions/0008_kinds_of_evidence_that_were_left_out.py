"""Kinds of evidence that were left out, and why"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "left_out",
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name=op.f("fk_left_out_job_id_jobs")),
        sa.PrimaryKeyConstraint("job_id", "kind", "reason", name=op.f("pk_left_out")),
    )


def downgrade() -> None:
    op.drop_table("left_out")
