"""Whose studies are of which retention has removed everything that queries find"""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "removed_studies",
        sa.Column("study_instance_uid", sa.String(64), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["studies.study_instance_uid"],
            name="fk_removed_studies_study_instance_uid_studies",
        ),
        sa.PrimaryKeyConstraint("study_instance_uid", name="pk_removed_studies"),
    )
    op.create_index("ix_removed_studies_patient_id", "removed_studies", ["patient_id"])


def downgrade() -> None:
    op.drop_table("removed_studies")
