"""Priors, and what the node fetches itself"""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "retrievals",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("archive", sa.String(length=16), nullable=False),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        sa.Column("begun_at", sa.DateTime(), nullable=False),
        sa.Column("until", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint(
            "study_instance_uid", "archive", "purpose", name=op.f("pk_retrievals")
        ),
    )
    op.create_table(
        "prior_searches",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("archive", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["studies.study_instance_uid"],
            name=op.f("fk_prior_searches_study_instance_uid_studies"),
        ),
        sa.PrimaryKeyConstraint("study_instance_uid", name=op.f("pk_prior_searches")),
    )
    op.create_index(
        op.f("ix_prior_searches_state_asked_at"), "prior_searches", ["state", "asked_at"]
    )
    op.create_table(
        "priors",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("prior_study_uid", sa.String(length=64), nullable=False),
        sa.Column("archive", sa.String(length=16), nullable=False),
        sa.Column("study_date", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("listed", sa.Integer(), nullable=False),
        sa.Column("held", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["study_instance_uid"],
            ["studies.study_instance_uid"],
            name=op.f("fk_priors_study_instance_uid_studies"),
        ),
        sa.PrimaryKeyConstraint("study_instance_uid", "prior_study_uid", name=op.f("pk_priors")),
    )
    op.create_index(op.f("ix_priors_prior_study_uid"), "priors", ["prior_study_uid"])


def downgrade() -> None:
    op.drop_table("priors")
    op.drop_table("prior_searches")
    op.drop_table("retrievals")
