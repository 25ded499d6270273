"""Attributes that queries ask for"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_UID = sa.String(64)
_PREFIXED = (
    "patient_id",
    "patient_name",
    "patient_name_ideographic",
    "patient_name_phonetic",
    "accession_number",
    "study_id",
)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def upgrade() -> None:
    _make_study_attributes()
    _make_series_attributes()
    _make_instance_attributes()
    op.drop_table("step_subjects")  # studies say it now, those without a step as well
    for table, order in (("instances", "received_at"), ("evidence", "sop_instance_uid")):
        # Old rows are described from their files, after the migration: see `dicom-node migrate`.
        op.add_column(
            table,
            sa.Column("described", sa.Boolean, nullable=False, server_default=sa.false()),
        )
        op.create_index(
            f"ix_{table}_undescribed",
            table,
            [order],
            sqlite_where=sa.text("described = 0"),
            postgresql_where=sa.text("NOT described"),
        )


def downgrade() -> None:
    for table in ("instances", "evidence"):
        op.drop_index(f"ix_{table}_undescribed", table)
        op.drop_column(table, "described")
    for table in ("instance_attributes", "series_attributes", "study_attributes"):
        op.drop_table(table)
    op.create_table(
        "step_subjects",
        sa.Column("study_instance_uid", _UID, primary_key=True),
        sa.Column("patient_id", sa.String(64), nullable=False),
        _text("folded_name"),
        sa.Column("accession_number", sa.String(64), nullable=False),
        sa.Column("subject", sa.JSON, nullable=False),
    )
    for name in ("patient_id", "folded_name", "accession_number"):
        op.create_index(
            f"ix_step_subjects_{name}",
            "step_subjects",
            [name],
            postgresql_ops={name: "text_pattern_ops"},
        )


def _make_study_attributes() -> None:
    op.create_table(
        "study_attributes",
        sa.Column("study_instance_uid", _UID, primary_key=True),
        _text("patient_id"),
        _text("patient_name"),
        _text("patient_name_ideographic"),
        _text("patient_name_phonetic"),
        sa.Column("patient_birth_date", sa.String(8), nullable=False),
        sa.Column("study_date", sa.String(8), nullable=False),
        sa.Column("study_time", sa.BigInteger),
        _text("accession_number"),
        _text("study_id"),
        _text("referring_physician_name"),
        _text("referring_physician_name_ideographic"),
        _text("referring_physician_name_phonetic"),
        _text("attributes"),
    )
    for name in _PREFIXED:
        op.create_index(
            f"ix_study_attributes_{name}",
            "study_attributes",
            [name],
            postgresql_ops={name: "text_pattern_ops"},
        )
    op.create_index(
        "ix_study_attributes_study_date", "study_attributes", ["study_date", "study_instance_uid"]
    )


def _make_series_attributes() -> None:
    op.create_table(
        "series_attributes",
        sa.Column("study_instance_uid", _UID, primary_key=True),
        sa.Column("series_instance_uid", _UID, primary_key=True, index=True),
        _text("modality"),
        sa.Column("series_number", sa.BigInteger),
        _text("attributes"),
    )
    op.create_index(
        "ix_series_attributes_order",
        "series_attributes",
        ["study_instance_uid", "series_number", "series_instance_uid"],
    )


def _make_instance_attributes() -> None:
    op.create_table(
        "instance_attributes",
        sa.Column("sop_instance_uid", _UID, primary_key=True),
        sa.Column("study_instance_uid", _UID, nullable=False),
        sa.Column("series_instance_uid", _UID, nullable=False),
        sa.Column("sop_class_uid", _UID, nullable=False, index=True),
        sa.Column("transfer_syntax_uid", _UID, nullable=False),
        sa.Column("instance_number", sa.BigInteger),
        _text("attributes"),
    )
    op.create_index(
        "ix_instance_attributes_order",
        "instance_attributes",
        ["study_instance_uid", "series_instance_uid", "instance_number", "sop_instance_uid"],
    )
