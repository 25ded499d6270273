"""The Hotbase's tables of predictions that wait for validation, and of what experts said.

``REVIEW_ITEMS`` is laid out for one question, asked by every page of every expert: the first fifty
open items in some order. Each order is one integer (see ``worklist_query``), and has an index of
the open items, alone and behind each column that can be filtered by: a page is read from where the
last one ended, however deep, and what is decided burdens nobody.
"""

from typing import Any

import sqlalchemy as sa

from dicom_node.persistence.corridor.tables import METADATA, UID, UtcDateTime

_ITEM_ID = sa.String(32)
# Conditions of partial indexes. A database uses such an index for a query that has its condition
# word for word, so both are written with these.
IS_OPEN = sa.text("is_open")
IS_CLOSED = sa.text("NOT is_open")
IS_HELD = sa.text("holder <> ''")
IS_UNCONCLUDED = sa.text("state = 'decided' AND concluded_at IS NULL")
IS_TO_READ_FIRST = sa.text("is_open AND reads_first")
IS_STILL_LEARNED = sa.text("NOT withdrawn")
ORDER_KEYS = ("triage_key", "age_key", "certainty_key")
FILTER_COLUMNS = (
    "device_id", "modality", "body_part", "route", "model_name", "leading_label",
)  # fmt: skip

REVIEW_ITEMS = sa.Table(
    "review_items",
    METADATA,
    sa.Column("item_id", _ITEM_ID, primary_key=True),
    sa.Column("study_instance_uid", UID, nullable=False, index=True),
    sa.Column("device_id", sa.String(64), nullable=False),
    sa.Column("calling_ae", sa.String(16), nullable=False),
    sa.Column("manufacturer", sa.String(64), nullable=False),
    sa.Column("device_model", sa.String(64), nullable=False),
    sa.Column("serial_number", sa.String(64), nullable=False),
    sa.Column("modality", sa.String(16), nullable=False),
    sa.Column("body_part", sa.String(64), nullable=False),
    sa.Column("route", sa.String(64), nullable=False),
    sa.Column("model_name", sa.String(64), nullable=False),
    sa.Column("model_version", sa.String(32), nullable=False),
    sa.Column("weights_digest", sa.String(64), nullable=False),
    sa.Column("model_title", sa.String(128), nullable=False),
    sa.Column("model_manufacturer", sa.String(128), nullable=False),
    sa.Column("research_only", sa.Boolean, nullable=False),
    sa.Column("calibration", sa.String(128), nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("priority", sa.SmallInteger, nullable=False),
    sa.Column("uncertainty", sa.Float, nullable=False),
    sa.Column("abnormality", sa.Float),
    sa.Column("triage_key", sa.BigInteger, nullable=False),
    sa.Column("age_key", sa.BigInteger, nullable=False),
    sa.Column("certainty_key", sa.BigInteger, nullable=False),
    sa.Column("positive_labels", sa.JSON, nullable=False),
    sa.Column("leading_label", sa.String(64), nullable=False),
    sa.Column("image_count", sa.Integer, nullable=False),
    sa.Column("readers", sa.SmallInteger, nullable=False),
    sa.Column("readings", sa.SmallInteger, nullable=False),
    sa.Column("disputed", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False),
    sa.Column("holder", sa.String(64), nullable=False),
    sa.Column("claimed_until", UtcDateTime),
    sa.Column("decided_at", UtcDateTime),
    sa.Column("decided_by", sa.JSON, nullable=False),
    sa.Column("superseded_by", _ITEM_ID, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("reads_first", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("reopened", sa.Integer, nullable=False, server_default="0"),
    # when the verdict had become DICOM objects and a Warehouse record
    sa.Column("concluded_at", UtcDateTime),
    sa.Index(None, "state"),
)


def _partial(name: str, *columns: sa.Column[Any], where: Any) -> None:
    sa.Index(f"ix_review_items_{name}", *columns, sqlite_where=where, postgresql_where=where)


_C = REVIEW_ITEMS.c
for _key in ORDER_KEYS:
    _partial(f"open_{_key}", _C[_key], where=IS_OPEN)
    _partial(f"closed_{_key}", _C[_key], where=IS_CLOSED)
    for _column in FILTER_COLUMNS:
        _partial(f"{_column}_{_key}", _C[_column], _C[_key], where=IS_OPEN)
_partial("closed_device", _C.device_id, _C.age_key, where=IS_CLOSED)
_partial("to_read_first", _C.study_instance_uid, where=IS_TO_READ_FIRST)
_partial("holder", _C.holder, where=IS_HELD)
_partial(
    "unconcluded",
    _C.decided_at,
    where=IS_UNCONCLUDED,
)

# The values that filters may take; asking a million items for them would take seconds.
REVIEW_CHOICES = sa.Table(
    "review_choices",
    METADATA,
    sa.Column("field", sa.String(32), primary_key=True),
    sa.Column("value", sa.String(64), primary_key=True),
)

REVIEW_FINDINGS = sa.Table(
    "review_findings",
    METADATA,
    sa.Column("item_id", _ITEM_ID, sa.ForeignKey(REVIEW_ITEMS.c.item_id), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("image_uid", UID, nullable=False),
    sa.Column("frame_number", sa.Integer),
    sa.Column("label", sa.String(64), nullable=False),
    sa.Column("title", sa.String(128), nullable=False),
    sa.Column("code", sa.JSON, nullable=False),
    sa.Column("site", sa.JSON),
    sa.Column("probability", sa.Float, nullable=False),
    sa.Column("threshold", sa.Float, nullable=False),
    sa.Column("score", sa.Float),
    sa.Column("boxes", sa.JSON, nullable=False),
    # the map's values as one byte each, and where it lies: for looking, not for measuring
    sa.Column("heat_map", sa.LargeBinary),
    sa.Column("heat_map_place", sa.JSON),
)

# A CT's figures, and the outlines of lungs and patterns on its slices: gzipped JSON for the page.
REVIEW_CT = sa.Table(
    "review_ct",
    METADATA,
    sa.Column("item_id", _ITEM_ID, sa.ForeignKey(REVIEW_ITEMS.c.item_id), primary_key=True),
    sa.Column("figures", sa.JSON, nullable=False),
    sa.Column("contours", sa.LargeBinary, nullable=False),
)

REVIEW_READINGS = sa.Table(
    "review_readings",
    METADATA,
    sa.Column("item_id", _ITEM_ID, sa.ForeignKey(REVIEW_ITEMS.c.item_id), primary_key=True),
    sa.Column("reader", sa.String(64), primary_key=True),
    sa.Column("given_at", UtcDateTime, nullable=False),
    sa.Column("verdict", sa.JSON, nullable=False),
)

# What readers saw before they were shown the model's result; the first word of each counts.
FIRST_READINGS = sa.Table(
    "review_first_readings",
    METADATA,
    sa.Column("item_id", _ITEM_ID, primary_key=True),
    sa.Column("reader", sa.String(64), primary_key=True),
    sa.Column("given_at", UtcDateTime, nullable=False),
    sa.Column("said", sa.JSON, nullable=False),
)

# Verdicts that were taken back: by whom, why, and what had been said.
REVIEW_REOPENINGS = sa.Table(
    "review_reopenings",
    METADATA,
    sa.Column("item_id", _ITEM_ID, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("reopened_by", sa.String(64), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("reopened_at", UtcDateTime, nullable=False),
    sa.Column("decided_by", sa.JSON, nullable=False),
    sa.Column("decided_at", UtcDateTime, nullable=False),
    sa.Column("readings", sa.JSON, nullable=False),
    # whether the Warehouse learns from it no more
    sa.Column("withdrawn", sa.Boolean, nullable=False),
)
sa.Index(
    "ix_review_reopenings_learned",
    REVIEW_REOPENINGS.c.reopened_at,
    sqlite_where=IS_STILL_LEARNED,
    postgresql_where=IS_STILL_LEARNED,
)

# Reports of other workstations that speak of the node's results, and what came of each.
EXTERNAL_REPORTS = sa.Table(
    "outside_reports",
    METADATA,
    sa.Column("sop_instance_uid", UID, primary_key=True),
    sa.Column("item_id", _ITEM_ID, nullable=False, index=True),
    sa.Column("study_instance_uid", UID, nullable=False),
    sa.Column("path", sa.String(512), nullable=False),
    sa.Column("closed", sa.Boolean, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
)
