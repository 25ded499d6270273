"""Messages that the node sends others of itself"""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "peer_messages",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("receiver", sa.String(length=16), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("event_type", sa.Integer(), nullable=False),
        sa.Column("attributes", sa.JSON(), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("about", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("made_at", sa.DateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("not_before", sa.DateTime()),
        sa.Column("ended_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_peer_messages")),
    )
    for column in ("study_instance_uid", "about", "ended_at"):
        op.create_index(op.f(f"ix_peer_messages_{column}"), "peer_messages", [column])
    op.create_index(
        op.f("ix_peer_messages_state_channel_receiver_number"),
        "peer_messages",
        ["state", "channel", "receiver", "number"],
    )


def downgrade() -> None:
    op.drop_table("peer_messages")
