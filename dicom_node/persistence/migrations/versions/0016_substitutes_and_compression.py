"""What destinations got instead of an object, and how overlays travel to them"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("ae_titles") as batch_op:
        batch_op.add_column(
            sa.Column(
                "compression", sa.String(length=16), server_default="smallest", nullable=False
            )
        )
    op.create_table(
        "substitutes",
        sa.Column("destination", sa.String(16), nullable=False),
        sa.Column("sent_instance_uid", sa.String(64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(32), nullable=False),
        sa.Column("sent_class_uid", sa.String(64), nullable=False),
        sa.Column("sent_series_uid", sa.String(64), nullable=False),
        sa.Column("path", sa.String(512), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("made_at", sa.DateTime, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.job_id"], name="fk_substitutes_job_id_jobs"),
        sa.PrimaryKeyConstraint("destination", "sent_instance_uid", name="pk_substitutes"),
    )
    op.create_index("ix_substitutes_job_id", "substitutes", ["job_id"])
    op.create_index("ix_substitutes_sent_instance_uid", "substitutes", ["sent_instance_uid"])


def downgrade() -> None:
    op.drop_table("substitutes")
    with op.batch_alter_table("ae_titles") as batch_op:
        batch_op.drop_column("compression")
