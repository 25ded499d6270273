"""Predictions that wait for validation"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


_KEYS = ("triage_key", "age_key", "certainty_key")
_FILTERS = ("device_id", "modality", "body_part", "route", "model_name", "leading_label")


def _partial_indexes() -> Iterator[tuple[str, list[str], str]]:
    """Yield name, columns and condition."""
    for key in _KEYS:
        yield f"open_{key}", [key], "is_open"
        yield f"closed_{key}", [key], "NOT is_open"
        yield from ((f"{each}_{key}", [each, key], "is_open") for each in _FILTERS)
    yield "closed_device", ["device_id", "age_key"], "NOT is_open"
    yield "holder", ["holder"], "holder <> ''"
    yield "unconcluded", ["decided_at"], "state = 'decided' AND concluded_at IS NULL"


def upgrade() -> None:
    op.create_table(
        "outside_reports",
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("item_id", sa.String(length=32), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=512), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("sop_instance_uid", name=op.f("pk_outside_reports")),
    )
    with op.batch_alter_table("outside_reports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outside_reports_item_id"), ["item_id"], unique=False)

    op.create_table(
        "review_choices",
        sa.Column("field", sa.String(length=32), nullable=False),
        sa.Column("value", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("field", "value", name=op.f("pk_review_choices")),
    )
    op.create_table(
        "review_items",
        sa.Column("item_id", sa.String(length=32), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=64), nullable=False),
        sa.Column("calling_ae", sa.String(length=16), nullable=False),
        sa.Column("manufacturer", sa.String(length=64), nullable=False),
        sa.Column("device_model", sa.String(length=64), nullable=False),
        sa.Column("serial_number", sa.String(length=64), nullable=False),
        sa.Column("modality", sa.String(length=16), nullable=False),
        sa.Column("body_part", sa.String(length=64), nullable=False),
        sa.Column("route", sa.String(length=64), nullable=False),
        sa.Column("model_name", sa.String(length=64), nullable=False),
        sa.Column("model_version", sa.String(length=32), nullable=False),
        sa.Column("weights_digest", sa.String(length=64), nullable=False),
        sa.Column("model_title", sa.String(length=128), nullable=False),
        sa.Column("model_manufacturer", sa.String(length=128), nullable=False),
        sa.Column("research_only", sa.Boolean(), nullable=False),
        sa.Column("calibration", sa.String(length=128), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("uncertainty", sa.Float(), nullable=False),
        sa.Column("triage_key", sa.BigInteger(), nullable=False),
        sa.Column("age_key", sa.BigInteger(), nullable=False),
        sa.Column("certainty_key", sa.BigInteger(), nullable=False),
        sa.Column("positive_labels", sa.JSON(), nullable=False),
        sa.Column("leading_label", sa.String(length=64), nullable=False),
        sa.Column("image_count", sa.Integer(), nullable=False),
        sa.Column("readers", sa.SmallInteger(), nullable=False),
        sa.Column("readings", sa.SmallInteger(), nullable=False),
        sa.Column("disputed", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("holder", sa.String(length=64), nullable=False),
        sa.Column("claimed_until", sa.DateTime(), nullable=True),
        sa.Column("decided_at", sa.DateTime(), nullable=True),
        sa.Column("decided_by", sa.JSON(), nullable=False),
        sa.Column("superseded_by", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("concluded_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("item_id", name=op.f("pk_review_items")),
    )
    op.create_index(op.f("ix_review_items_state"), "review_items", ["state"])
    op.create_index(
        op.f("ix_review_items_study_instance_uid"), "review_items", ["study_instance_uid"]
    )
    for name, columns, where in _partial_indexes():
        op.create_index(
            f"ix_review_items_{name}",
            "review_items",
            columns,
            sqlite_where=sa.text(where),
            postgresql_where=sa.text(where),
        )
    op.create_table(
        "review_findings",
        sa.Column("item_id", sa.String(length=32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("image_uid", sa.String(length=64), nullable=False),
        sa.Column("frame_number", sa.Integer(), nullable=True),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=128), nullable=False),
        sa.Column("code", sa.JSON(), nullable=False),
        sa.Column("site", sa.JSON(), nullable=True),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("threshold", sa.Float(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("boxes", sa.JSON(), nullable=False),
        sa.Column("heat_map", sa.LargeBinary(), nullable=True),
        sa.Column("heat_map_place", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["review_items.item_id"],
            name=op.f("fk_review_findings_item_id_review_items"),
        ),
        sa.PrimaryKeyConstraint("item_id", "position", name=op.f("pk_review_findings")),
    )
    op.create_table(
        "review_readings",
        sa.Column("item_id", sa.String(length=32), nullable=False),
        sa.Column("reader", sa.String(length=64), nullable=False),
        sa.Column("given_at", sa.DateTime(), nullable=False),
        sa.Column("verdict", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["item_id"],
            ["review_items.item_id"],
            name=op.f("fk_review_readings_item_id_review_items"),
        ),
        sa.PrimaryKeyConstraint("item_id", "reader", name=op.f("pk_review_readings")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("parcel", sa.String(length=16), server_default="result", nullable=False)
        )

    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column("parcel", sa.String(length=16), server_default="result", nullable=False)
        )


def downgrade() -> None:
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.drop_column("parcel")

    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_column("parcel")

    op.drop_table("review_readings")
    op.drop_table("review_findings")
    op.drop_table("review_items")
    op.drop_table("review_choices")
    op.drop_table("outside_reports")
