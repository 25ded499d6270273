"""Studies that somebody wants analysed and only an archive has"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "wanted_studies",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("archive", sa.String(length=16), nullable=False),
        sa.Column("sender", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("wanted_at", sa.DateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime()),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("study_instance_uid", name=op.f("pk_wanted_studies")),
    )
    op.create_index(op.f("ix_wanted_studies_state"), "wanted_studies", ["state"])


def downgrade() -> None:
    op.drop_table("wanted_studies")
