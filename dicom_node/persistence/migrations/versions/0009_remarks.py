"""What must be known of how a result came about"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "remarks",
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name="fk_remarks_job_id_jobs"),
        sa.PrimaryKeyConstraint("job_id", "sop_instance_uid", "kind", name="pk_remarks"),
    )


def downgrade() -> None:
    op.drop_table("remarks")
