"""Storage commitment"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "commitment_requests",
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("requestor", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("not_before", sa.DateTime()),
        sa.Column("ended_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("transaction_uid", name=op.f("pk_commitment_requests")),
    )
    op.create_index(
        op.f("ix_commitment_requests_state_received_at"),
        "commitment_requests",
        ["state", "received_at"],
    )
    op.create_table(
        "commitment_references",
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("sop_class_uid", sa.String(length=64), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["transaction_uid"],
            ["commitment_requests.transaction_uid"],
            name=op.f("fk_commitment_references_transaction_uid_commitment_requests"),
        ),
        sa.PrimaryKeyConstraint(
            "transaction_uid", "position", name=op.f("pk_commitment_references")
        ),
    )
    op.create_index(
        op.f("ix_commitment_references_sop_instance_uid"),
        "commitment_references",
        ["sop_instance_uid"],
    )
    op.create_table(
        "commitments",
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=False),
        sa.Column("delivery_id", sa.String(length=32), nullable=False),
        sa.Column("destination", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("asked_at", sa.DateTime(), nullable=False),
        sa.Column("answered_at", sa.DateTime()),
        sa.Column("waited", sa.Float(), nullable=False),
        sa.Column("sop_instance_uids", sa.JSON(), nullable=False),
        sa.Column("failed", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.job_id"], name=op.f("fk_commitments_job_id_jobs")
        ),
        sa.PrimaryKeyConstraint("transaction_uid", name=op.f("pk_commitments")),
    )
    op.create_index(op.f("ix_commitments_job_id"), "commitments", ["job_id"])
    op.create_index(op.f("ix_commitments_delivery_id"), "commitments", ["delivery_id"])
    op.create_index(
        op.f("ix_commitments_state_destination"), "commitments", ["state", "destination"]
    )
    with op.batch_alter_table("ae_titles") as batch_op:
        batch_op.add_column(
            sa.Column("proof", sa.String(length=16), server_default="none", nullable=False)
        )
    with op.batch_alter_table("deliveries") as batch_op:
        batch_op.add_column(
            sa.Column("proven", sa.String(length=16), server_default="", nullable=False)
        )
        batch_op.add_column(
            sa.Column("disproofs", sa.Integer(), server_default="0", nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("deliveries") as batch_op:
        batch_op.drop_column("disproofs")
        batch_op.drop_column("proven")
    with op.batch_alter_table("ae_titles") as batch_op:
        batch_op.drop_column("proof")
    op.drop_table("commitments")
    op.drop_table("commitment_references")
    op.drop_table("commitment_requests")
