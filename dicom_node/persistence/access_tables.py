"""Tables of what lets people and machines in, and of routes that were edited at run time."""

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UtcDateTime

MACHINE_TOKENS = sa.Table(
    "machine_tokens",
    METADATA,
    sa.Column("token_id", sa.String(16), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("owner", sa.String(64), nullable=False),
    sa.Column("scopes", sa.JSON, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=False),
    sa.Column("last_used_at", UtcDateTime),
    sa.Column("ae_title", sa.String(16), nullable=False, server_default=""),
)

SESSIONS = sa.Table(
    "sessions",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("user_name", sa.String(64), nullable=False, index=True),
    sa.Column("begun_at", UtcDateTime, nullable=False, index=True),
    # Begun by whoever has signed in at an OpenID Provider, not by a password.
    sa.Column("is_elsewhere", sa.Boolean, nullable=False, server_default=sa.false()),
)

# Who people are at an OpenID Provider; those who have a password here alone have no row.
IDENTITIES = sa.Table(
    "identities",
    METADATA,
    sa.Column("issuer", sa.String(255), primary_key=True),
    sa.Column("subject", sa.String(255), primary_key=True),
    sa.Column("user_name", sa.String(64), nullable=False, unique=True),
)

# The routes as a whole, each time that somebody has changed them; the newest counts.
ROUTE_SETS = sa.Table(
    "route_sets",
    METADATA,
    sa.Column("revision", sa.Integer, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("routes", sa.JSON),
)

# What each channel of notices was told last of each matter, by keys that name no patient.
TOLD = sa.Table(
    "told",
    METADATA,
    sa.Column("channel", sa.String(40), primary_key=True),
    sa.Column("key", sa.String(160), primary_key=True),
    sa.Column("fingerprint", sa.String(160), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)
