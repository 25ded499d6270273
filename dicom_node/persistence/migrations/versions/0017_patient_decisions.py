"""Patient decisions"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "patient_decisions",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("patient_keys", sa.JSON(), nullable=False),
        sa.Column("known_keys", sa.JSON(), nullable=False),
        sa.Column("is_same", sa.Boolean(), nullable=False),
        sa.Column("actor", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["studies.study_instance_uid"],
            name=op.f("fk_patient_decisions_study_instance_uid_studies"),
        ),
        sa.PrimaryKeyConstraint("study_instance_uid", name=op.f("pk_patient_decisions")),
    )


def downgrade() -> None:
    op.drop_table("patient_decisions")
