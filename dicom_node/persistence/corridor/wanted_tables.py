"""The table of studies that somebody wants analysed and only an archive has."""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UID, UtcDateTime

WANTED_STUDIES = sa.Table(
    "wanted_studies",
    METADATA,
    sa.Column("study_instance_uid", UID, primary_key=True),
    sa.Column("archive", sa.String(16), nullable=False),
    sa.Column("sender", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("wanted_at", UtcDateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("not_before", UtcDateTime),
    sa.Column("reason", sa.Text, nullable=False),
)
