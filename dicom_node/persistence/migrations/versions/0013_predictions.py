"""Predictions, kept as a whole until their evidence is made"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "predictions",
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("tag", sa.String(32), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("kept_at", sa.DateTime, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name="fk_predictions_job_id_jobs"),
        sa.PrimaryKeyConstraint("job_id", name="pk_predictions"),
    )
    op.create_index("ix_predictions_kept_at", "predictions", ["kept_at"])


def downgrade() -> None:
    op.drop_table("predictions")
