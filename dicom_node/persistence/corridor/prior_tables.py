"""What the node fetches itself: images that a transfer lacks, and priors.

``retrievals`` say to the index what to make of images that come from an archive meanwhile: by
C-MOVE they come like anybody's, and after a crash they are found among the files.
"""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, STUDIES, UID, UtcDateTime

# Images of the study from the archive are of this retrieval, until ``until``; NULL: it goes on.
RETRIEVALS = sa.Table(
    "retrievals",
    METADATA,
    sa.Column("study_instance_uid", UID, primary_key=True),
    sa.Column("archive", sa.String(16), primary_key=True),
    sa.Column("purpose", sa.String(16), primary_key=True),
    sa.Column("begun_at", UtcDateTime, nullable=False),
    sa.Column("until", UtcDateTime, nullable=True),
    # What came of it, in words; of priors each says it itself.
    sa.Column("outcome", sa.Text, nullable=False, server_default=""),
)

# The search for the priors of a study: one at a time, whatever comes of it.
PRIOR_SEARCHES = sa.Table(
    "prior_searches",
    METADATA,
    sa.Column(
        "study_instance_uid", UID, sa.ForeignKey(STUDIES.c.study_instance_uid), primary_key=True
    ),
    sa.Column("archive", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("ended_at", UtcDateTime, nullable=True),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("not_before", UtcDateTime, nullable=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index(None, "state", "asked_at"),
)

# Which studies are priors of which; the prior may be gone from here, or not have come yet.
PRIORS = sa.Table(
    "priors",
    METADATA,
    sa.Column(
        "study_instance_uid", UID, sa.ForeignKey(STUDIES.c.study_instance_uid), primary_key=True
    ),
    sa.Column("prior_study_uid", UID, primary_key=True, index=True),
    sa.Column("archive", sa.String(16), nullable=False),
    sa.Column("study_date", sa.String(8), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("listed", sa.Integer, nullable=False),
    sa.Column("held", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
