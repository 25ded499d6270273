"""What was administered: written with each change, in its transaction.

From here each goes into the audit trail on disk (``dicom_node.audit``), once it is committed.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from dicom_node.domain.audit import Change
from dicom_node.errors import StaleEntryError
from dicom_node.persistence.corridor.tables import AUDIT

_LONGEST_ACTOR, _LONGEST_SUBJECT = 64, 128


def note(
    connection: sa.Connection,
    action: str,
    subject: str,
    detail: Any,
    *,
    actor: str,
    at: datetime,
    before: Any = None,
) -> None:
    """Write who changed what, as part of the change's own transaction."""
    connection.execute(
        sa.insert(AUDIT).values(
            at=at,
            actor=actor[:_LONGEST_ACTOR],
            action=action,
            subject=subject[:_LONGEST_SUBJECT],
            detail=detail,
            before=before,
        )
    )


def stale(connection: sa.Connection, what: str, subject: str) -> StaleEntryError:
    """Return the error that says who has changed ``subject`` since it was read."""
    query = (
        sa.select(AUDIT.c.actor, AUDIT.c.at)
        .where(AUDIT.c.subject == subject[:_LONGEST_SUBJECT])
        .order_by(AUDIT.c.id.desc())
        .limit(1)
    )
    found = connection.execute(query).first()
    who = f" by {found.actor} at {found.at:%Y-%m-%d %H:%M:%S} UTC" if found else ""
    return StaleEntryError(
        f"{what} was changed{who} after you had opened it: look at it as it is now, and change "
        "that."
    )


class AuditStore:
    """The audit trail, to be read, and for acts that change no row of their own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(
        self,
        action: str,
        subject: str,
        detail: Any,
        *,
        actor: str,
        at: datetime,
        before: Any = None,
    ) -> None:
        """Write that something was done."""
        with self._engine.begin() as connection:
            note(connection, action, subject, detail, actor=actor, at=at, before=before)

    def recent(self, limit: int, *, before: int | None = None) -> tuple[tuple[int, Change], ...]:
        """Return changes with their numbers, newest first, from the one below ``before``."""
        query = sa.select(AUDIT).order_by(AUDIT.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(AUDIT.c.id < before)
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = connection.execute(query).mappings()
            return tuple((row["id"], _change(row)) for row in rows)

    def unrecorded(self, limit: int) -> tuple[tuple[int, Change], ...]:
        """Return changes, oldest first, that the audit trail on disk does not have yet."""
        query = sa.select(AUDIT).where(~AUDIT.c.recorded).order_by(AUDIT.c.id).limit(limit)
        with self._engine.connect().execution_options(read_only=True) as connection:
            rows = connection.execute(query).mappings()
            return tuple((row["id"], _change(row)) for row in rows)

    def recorded(self, numbers: Iterable[int]) -> None:
        """Note that the audit trail has these changes."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(AUDIT).where(AUDIT.c.id.in_(list(numbers))).values(recorded=True)
            )


def _change(row: sa.RowMapping) -> Change:
    return Change(
        at=row["at"],
        actor=row["actor"],
        action=row["action"],
        subject=row["subject"],
        detail=row["detail"],
        before=row["before"],
    )
