"""The tables of hosts that share one database. Times are seconds since 1970 by its own clock."""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UID

HOSTS = sa.Table(
    "hosts",
    METADATA,
    sa.Column("executor_id", sa.String(64), primary_key=True),
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("version", sa.String(32), nullable=False),
    sa.Column("contract", sa.String(64), nullable=False),
    sa.Column("skew", sa.Float, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("beat", sa.Float, nullable=False),
    sa.Column("relieved", sa.Boolean, nullable=False),
)

# What one host does for all of them, until when it may.
LEASES = sa.Table(
    "leases",
    METADATA,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("executor_id", sa.String(64), nullable=False),
    sa.Column("until", sa.Float, nullable=False),
)

# Which studies the associations that are open now, on whatever host, have brought instances of.
CARRIED = sa.Table(
    "carried",
    METADATA,
    sa.Column("association_id", sa.String(64), primary_key=True),
    sa.Column("study_instance_uid", UID, primary_key=True, index=True),
    sa.Column("executor_id", sa.String(64), nullable=False, index=True),
    sa.Column("calling_ae", sa.String(16), nullable=False),
)

# Which workflow will look at a study whose transfer was seen to end.
AWAITED = sa.Table(
    "awaited",
    METADATA,
    sa.Column("study_instance_uid", UID, primary_key=True),
    sa.Column("workflow_id", sa.String(64), nullable=False),
)
