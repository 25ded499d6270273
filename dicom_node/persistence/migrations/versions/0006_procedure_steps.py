"""Procedure steps, and who studies are of"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_SEARCHED = ("patient_id", "folded_name", "accession_number")


def upgrade() -> None:
    op.create_table(
        "procedure_steps",
        sa.Column("uid", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("item_id", sa.String(length=32), nullable=True),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("is_current", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("performer", sa.String(length=16), nullable=False),
        sa.Column("locked_at", sa.DateTime(), nullable=True),
        sa.Column("requester", sa.String(length=16), nullable=False),
        sa.Column("asked_revision", sa.Integer(), nullable=False),
        sa.Column("scheduled_at", sa.DateTime(), nullable=False),
        sa.Column("modified_at", sa.DateTime(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("uid", name=op.f("pk_procedure_steps")),
    )
    for name in ("item_id", "study_instance_uid"):
        op.create_index(op.f(f"ix_procedure_steps_{name}"), "procedure_steps", [name])
    op.create_index("ix_procedure_steps_state", "procedure_steps", ["state", "scheduled_at", "uid"])
    op.create_index(
        "uq_procedure_steps_current",
        "procedure_steps",
        ["item_id"],
        unique=True,
        sqlite_where=sa.text("is_current"),
        postgresql_where=sa.text("is_current"),
    )
    op.create_table(
        "step_subjects",
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("patient_id", sa.String(length=64), nullable=False),
        sa.Column("folded_name", sa.Text(), nullable=False),
        sa.Column("accession_number", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("study_instance_uid", name=op.f("pk_step_subjects")),
    )
    for name in _SEARCHED:
        op.create_index(
            f"ix_step_subjects_{name}",
            "step_subjects",
            [name],
            postgresql_ops={name: "text_pattern_ops"},
        )


def downgrade() -> None:
    op.drop_table("step_subjects")
    op.drop_table("procedure_steps")
