"""The tables of the index and Hotbase.

The index (studies, instances) says what the archive's files hold and can be rebuilt from them.
The Hotbase (jobs, findings, evidence, deliveries) holds what models said and where it went.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

UID = sa.String(64)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware datetime, stored in UTC: SQLite has no time zones of its own."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive values and store the rest in UTC."""
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive datetime cannot be stored: give it a time zone")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware value."""
        del dialect
        return value.replace(tzinfo=UTC) if value is not None else None


METADATA = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _undescribed(table: str, order: str) -> sa.Index:
    """An index of the few rows whose attributes have not been read for queries yet."""
    return sa.Index(
        f"ix_{table}_undescribed",
        order,
        sqlite_where=sa.text("described = 0"),
        postgresql_where=sa.text("NOT described"),
    )


def _described() -> "sa.Column[bool]":
    return sa.Column("described", sa.Boolean, nullable=False, server_default=sa.false())


AE_TITLES = sa.Table(
    "ae_titles",
    METADATA,
    sa.Column("title", sa.String(16), primary_key=True),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("destinations", sa.JSON, nullable=False),
    sa.Column("quiet_period", sa.Float, nullable=False),
    sa.Column("patience", sa.Float, nullable=False, server_default="600"),
    sa.Column("evidence", sa.JSON, nullable=False),
    sa.Column("description", sa.String(255), nullable=False),
    sa.Column("tls", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("compression", sa.String(16), nullable=False, server_default="smallest"),
    # With "smallest" it is "automatic", a word that versions before this column cannot read.
    sa.Column("is_near_plain", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("language", sa.String(8), nullable=False, server_default="en"),
    sa.Column("beside", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("proof", sa.String(16), nullable=False, server_default="none"),
    sa.Column("url", sa.String(255), nullable=False, server_default=""),
    sa.Column("callers", sa.JSON, nullable=False, server_default='["any"]'),
    sa.Column("certificates", sa.JSON, nullable=False, server_default="[]"),
)

AUDIT = sa.Table(
    "audit",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(128), nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
    # Whether the audit trail on disk has it.
    sa.Column("recorded", sa.Boolean, nullable=False, server_default=sa.false(), index=True),
)

# Who may sign in to the pages; the hash is Argon2's own string.
USERS = sa.Table(
    "users",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("title", sa.String(255), nullable=False),
    sa.Column("organization", sa.String(64), nullable=False),
    sa.Column("roles", sa.JSON, nullable=False),
    sa.Column("password_hash", sa.String(255), nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("language", sa.String(8), nullable=False, server_default=""),
    sa.Column("reads_first", sa.Boolean, nullable=False, server_default=sa.false()),
)

STUDIES = sa.Table(
    "studies",
    METADATA,
    sa.Column("study_instance_uid", UID, primary_key=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("sender", sa.String(16), nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("claimed_by", sa.String(64), nullable=False),
    sa.Column("first_received_at", UtcDateTime, nullable=False),
    sa.Column("last_received_at", UtcDateTime, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("interruption", sa.String(16)),
    sa.Column("interrupted_by", sa.String(16)),
    sa.Index(None, "state", "last_received_at"),
    sa.Index(None, "last_received_at"),
)

INSTANCES = sa.Table(
    "instances",
    METADATA,
    sa.Column("sop_instance_uid", UID, primary_key=True),
    sa.Column("study_instance_uid", UID, sa.ForeignKey(STUDIES.c.study_instance_uid), index=True),
    sa.Column("series_instance_uid", UID, nullable=False),
    sa.Column("path", sa.String(512), nullable=False, unique=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False, index=True),
    sa.Column("received", sa.JSON, nullable=False),
    _described(),
    _undescribed("instances", "received_at"),
)

# Whose a study is that names several patients, as a person has decided; ``patient_keys`` are
# digests that tell one patient from another and nobody who it is.
PATIENT_DECISIONS = sa.Table(
    "patient_decisions",
    METADATA,
    sa.Column(
        "study_instance_uid", UID, sa.ForeignKey(STUDIES.c.study_instance_uid), primary_key=True
    ),
    sa.Column("patient_keys", sa.JSON, nullable=False),
    sa.Column("known_keys", sa.JSON, nullable=False),
    sa.Column("is_same", sa.Boolean, nullable=False),
    sa.Column("actor", sa.String(64), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
)

# Objects kept in the archive that the index does not use: another object came first under the
# same SOP Instance UID. Nothing is lost, and nothing is silently replaced.
CONFLICTS = sa.Table(
    "conflicts",
    METADATA,
    sa.Column("path", sa.String(512), primary_key=True),
    sa.Column("sop_instance_uid", UID, nullable=False, index=True),
    sa.Column("study_instance_uid", UID, nullable=False),
    sa.Column("calling_ae", sa.String(16), nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
)

# Files of the data folder that no row names any more: noted when their rows are deleted.
REMOVALS = sa.Table(
    "removals",
    METADATA,
    sa.Column("path", sa.String(512), primary_key=True),
    sa.Column("noted_at", UtcDateTime, nullable=False),
)

# Whose studies are of which queries find nothing any more: for erasure on request.
REMOVED_STUDIES = sa.Table(
    "removed_studies",
    METADATA,
    sa.Column(
        "study_instance_uid", UID, sa.ForeignKey(STUDIES.c.study_instance_uid), primary_key=True
    ),
    sa.Column("patient_id", sa.Text, nullable=False, index=True),
)

JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("job_id", sa.String(32), primary_key=True),
    sa.Column("study_instance_uid", UID, sa.ForeignKey(STUDIES.c.study_instance_uid), index=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("route", sa.String(64), nullable=False),
    sa.Column("model_name", sa.String(64), nullable=False),
    sa.Column("model_version", sa.String(32), nullable=False),
    sa.Column("weights_digest", sa.String(64), nullable=False),
    sa.Column("sop_instance_uids", sa.JSON, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("finished_at", UtcDateTime),
    sa.Column("reason", sa.Text, nullable=False),
)

FINDINGS = sa.Table(
    "findings",
    METADATA,
    sa.Column("job_id", sa.String(32), sa.ForeignKey(JOBS.c.job_id), primary_key=True),
    sa.Column("sop_instance_uid", UID, primary_key=True),
    sa.Column("label", sa.String(64), primary_key=True),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("threshold", sa.Float, nullable=False),
)

# What a model said as a whole, by the schema of written_values: kept until its evidence is made.
PREDICTIONS = sa.Table(
    "predictions",
    METADATA,
    sa.Column("job_id", sa.String(32), sa.ForeignKey(JOBS.c.job_id), primary_key=True),
    sa.Column("tag", sa.String(32), nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("kept_at", UtcDateTime, nullable=False, index=True),
)

REFUSALS = sa.Table(
    "refusals",
    METADATA,
    sa.Column("job_id", sa.String(32), sa.ForeignKey(JOBS.c.job_id), primary_key=True),
    sa.Column("sop_instance_uid", UID, primary_key=True),
    sa.Column("reason", sa.String(64), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)

# What a reader must know of how a result came about, such as a header that the pixels belie.
REMARKS = sa.Table(
    "remarks",
    METADATA,
    sa.Column("job_id", sa.String(32), sa.ForeignKey(JOBS.c.job_id), primary_key=True),
    sa.Column("sop_instance_uid", UID, primary_key=True),
    sa.Column("kind", sa.String(64), primary_key=True),
    sa.Column("detail", sa.Text, nullable=False),
)

# What a model measured on a series: volumes, percentages, grades; ``site`` is where.
MEASUREMENTS = sa.Table(
    "measurements",
    METADATA,
    sa.Column("job_id", sa.String(32), sa.ForeignKey(JOBS.c.job_id), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("site", sa.String(64), primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
    sa.Column("unit", sa.String(16), nullable=False),
)

EVIDENCE = sa.Table(
    "evidence",
    METADATA,
    sa.Column("sop_instance_uid", UID, primary_key=True),
    sa.Column("job_id", sa.String(32), sa.ForeignKey(JOBS.c.job_id), index=True),
    sa.Column("sop_class_uid", UID, nullable=False),
    sa.Column("series_instance_uid", UID, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("path", sa.String(512), nullable=False),
    sa.Column("problems", sa.JSON, nullable=False),
    sa.Column("evidence_set", sa.String(16), nullable=False, server_default="result"),
    _described(),
    _undescribed("evidence", "sop_instance_uid"),
)

# What the gate keeps back. Compared as text, which both databases can do with a list, and with one
# that stands in the statement: a value that is sent apart would hide that the index is for it.
IS_HELD = sa.cast(EVIDENCE.c.problems, sa.Text) != sa.literal_column("'[]'")
_HELD = sa.text("CAST(problems AS TEXT) != '[]'")
sa.Index("ix_evidence_held", EVIDENCE.c.kind, sqlite_where=_HELD, postgresql_where=_HELD)
# What retention has removed the files of names none.
IS_REMOVED = EVIDENCE.c.path == ""

# Kinds of evidence that a job has none of.
LEFT_OUT = sa.Table(
    "left_out",
    METADATA,
    sa.Column("job_id", sa.String(32), sa.ForeignKey(JOBS.c.job_id), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("reason", sa.String(255), primary_key=True),
)

DELIVERIES = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("delivery_id", sa.String(32), primary_key=True),
    sa.Column("job_id", sa.String(32), sa.ForeignKey(JOBS.c.job_id), index=True),
    sa.Column("destination", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("delivered_at", UtcDateTime),
    sa.Column("last_error", sa.Text, nullable=False),
    sa.Column("evidence_set", sa.String(16), nullable=False, server_default="result"),
    sa.Column("urgent", sa.Boolean, nullable=False, server_default=sa.false()),
    # The SOP Instance UIDs that the destination has.
    sa.Column("stored", sa.JSON, nullable=False, server_default="[]"),
    # Seconds for which it has been tried, by a clock that nobody sets.
    sa.Column("waited", sa.Float, nullable=False, server_default="0"),
    sa.Column("not_before", UtcDateTime),
    # How the destination has shown that it has everything, and how often it showed that it has not.
    sa.Column("proven", sa.String(16), nullable=False, server_default=""),
    sa.Column("disproofs", sa.Integer, nullable=False, server_default="0"),
    sa.Index(None, "state", "created_at"),
    sa.Index(None, "state", "destination", "urgent", "created_at"),
)

# Destinations that are down: a row lives for as long as its destination does not answer.
OUTAGES = sa.Table(
    "outages",
    METADATA,
    sa.Column("destination", sa.String(16), primary_key=True),
    sa.Column("since", UtcDateTime, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
)

# What a destination got in the place of an object of which it takes no such class.
SUBSTITUTES = sa.Table(
    "substitutes",
    METADATA,
    sa.Column("destination", sa.String(16), primary_key=True),
    sa.Column("sent_instance_uid", UID, primary_key=True, index=True),
    sa.Column("sop_instance_uid", UID, nullable=False),
    sa.Column("job_id", sa.String(32), sa.ForeignKey(JOBS.c.job_id), nullable=False, index=True),
    sa.Column("sent_class_uid", UID, nullable=False),
    sa.Column("sent_series_uid", UID, nullable=False),
    sa.Column("path", sa.String(512), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("made_at", UtcDateTime, nullable=False),
    sa.Column("rendition", sa.String(16), nullable=False, server_default=""),
)

# Work that processes may die of, while it is under way or was cut off.
ATTEMPTS = sa.Table(
    "attempts",
    METADATA,
    sa.Column("subject", sa.String(96), primary_key=True),
    sa.Column("study_instance_uid", UID, nullable=False, index=True),
    sa.Column("begun", sa.Integer, nullable=False),
    sa.Column("deaths", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(255), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)
