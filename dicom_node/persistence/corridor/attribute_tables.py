"""What queries find studies, series and instances by, beside the index of instances.

``attributes`` holds what an answer says, in the DICOM JSON Model; the other columns are what
searches are narrowed by (``dicom_node.query.columns`` says how each value looks). A study's and a
series' attributes are those of the first instance that came. All of it is read from the archive's
files, and may be read again: rows of ``instances`` and ``evidence`` say whether they are described.
"""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UID
from dicom_node.query.keys import ARCHIVE_KEYS

# PostgreSQL compares numbers below this as fast; a time of day has 86,400,000,000 microseconds.
_Integer = sa.BigInteger


def _text(name: str) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, nullable=False)


def _words(name: str) -> "sa.Column[str]":
    """What a name is known by; empty in rows that a version before 0.3 writes beside this one."""
    return sa.Column(name, sa.Text, nullable=False, server_default="")


def _prefix_index(table: str, name: str) -> sa.Index:
    """An index that PostgreSQL uses for what begins with something, in any locale."""
    return sa.Index(f"ix_{table}_{name}", name, postgresql_ops={name: "text_pattern_ops"})


STUDY_ATTRIBUTES = sa.Table(
    "study_attributes",
    METADATA,
    sa.Column("study_instance_uid", UID, primary_key=True),
    _text("patient_id"),
    _text("patient_name"),
    _text("patient_name_ideographic"),
    _text("patient_name_phonetic"),
    _words("patient_name_words"),
    sa.Column("patient_birth_date", sa.String(8), nullable=False),
    sa.Column("study_date", sa.String(8), nullable=False),
    sa.Column("study_time", _Integer),
    _text("accession_number"),
    _text("study_id"),
    _text("referring_physician_name"),
    _text("referring_physician_name_ideographic"),
    _text("referring_physician_name_phonetic"),
    _words("referring_physician_name_words"),
    _text("attributes"),
    *(
        _prefix_index("study_attributes", name)
        for name in (
            "patient_id",
            "patient_name",
            "patient_name_ideographic",
            "patient_name_phonetic",
            "accession_number",
            "study_id",
        )
    ),
    sa.Index("ix_study_attributes_study_date", "study_date", "study_instance_uid"),
)

SERIES_ATTRIBUTES = sa.Table(
    "series_attributes",
    METADATA,
    sa.Column("study_instance_uid", UID, primary_key=True),
    sa.Column("series_instance_uid", UID, primary_key=True, index=True),
    _text("modality"),
    sa.Column("series_number", _Integer),
    _text("attributes"),
    sa.Index(
        "ix_series_attributes_order", "study_instance_uid", "series_number", "series_instance_uid"
    ),
)

# Notes of what instances are asked for beside their columns; null where there is none, as in rows
# that an earlier version writes beside this one. They lie in the index of the instances' order,
# so that all instances are looked through without their attributes.
NOTED_KEYS = tuple(key for key in ARCHIVE_KEYS if key.noted)

INSTANCE_ATTRIBUTES = sa.Table(
    "instance_attributes",
    METADATA,
    sa.Column("sop_instance_uid", UID, primary_key=True),
    sa.Column("study_instance_uid", UID, nullable=False),
    sa.Column("series_instance_uid", UID, nullable=False),
    sa.Column("sop_class_uid", UID, nullable=False, index=True),
    sa.Column("transfer_syntax_uid", UID, nullable=False),
    sa.Column("instance_number", _Integer),
    _text("attributes"),
    *(sa.Column(key.column, sa.Text) for key in NOTED_KEYS),
    sa.Index(
        "ix_instance_attributes_order",
        "study_instance_uid",
        "series_instance_uid",
        "instance_number",
        "sop_instance_uid",
        "sop_class_uid",
        *(key.column for key in NOTED_KEYS),
    ),
    # False of what an earlier version has written, until somebody has noted it.
    sa.Column("noted", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index(
        "ix_instance_attributes_unnoted",
        "sop_instance_uid",
        sqlite_where=sa.text("noted = 0"),
        postgresql_where=sa.text("NOT noted"),
    ),
    # Which classes a study has, and how many of each, is said without reading its instances.
    sa.Index("ix_instance_attributes_classes", "study_instance_uid", "sop_class_uid"),
)
