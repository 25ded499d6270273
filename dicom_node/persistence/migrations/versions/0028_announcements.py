"""What modalities and archives say of studies"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "performed_steps",
        sa.Column("uid", sa.String(length=64), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reporter", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("begun_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("uid", "study_instance_uid", name=op.f("pk_performed_steps")),
    )
    for column in ("study_instance_uid", "changed_at"):
        op.create_index(op.f(f"ix_performed_steps_{column}"), "performed_steps", [column])
    op.create_table(
        "announced_instances",
        sa.Column("source_uid", sa.String(length=64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("series_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("sop_class_uid", sa.String(length=64), nullable=False),
        sa.Column("retrieve_ae", sa.String(length=16), nullable=False),
        sa.Column("announced_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint(
            "source_uid", "sop_instance_uid", name=op.f("pk_announced_instances")
        ),
    )
    for column in ("study_instance_uid", "announced_at"):
        op.create_index(op.f(f"ix_announced_instances_{column}"), "announced_instances", [column])


def downgrade() -> None:
    op.drop_table("announced_instances")
    op.drop_table("performed_steps")
