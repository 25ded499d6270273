"""Attempts at studies that workers may die of, counted before each: they outlive the node."""

from datetime import UTC, datetime

import sqlalchemy as sa

from dicom_node.isolation.attempts import Attempts
from dicom_node.persistence.corridor.tables import ATTEMPTS
from dicom_node.persistence.database import repeatable
from dicom_node.persistence.upsert import insert_one_or_ignore


class AttemptTable:
    """Keeps attempts in the database; a row is there while work is under way, or was cut off.

    After a power cut, which the work has not caused, one attempt may be counted less.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = repeatable(engine)

    def begin(self, subject: str, study_instance_uid: str) -> Attempts:
        """Count one more attempt unless they are spent; return what there was before."""
        first = {
            "subject": subject,
            "study_instance_uid": study_instance_uid,
            "begun": 1,
            "deaths": 0,
            "reason": "",
            "at": datetime.now(UTC),
        }
        with self._engine.begin() as connection:
            if insert_one_or_ignore(connection, ATTEMPTS, first):
                return Attempts(begun=0, deaths=0, reason="")
            found = connection.execute(
                sa.select(ATTEMPTS.c.begun, ATTEMPTS.c.deaths, ATTEMPTS.c.reason)
                .where(ATTEMPTS.c.subject == subject)
                .with_for_update()
            ).one()
            before = Attempts(begun=found.begun, deaths=found.deaths, reason=found.reason)
            if not before.are_spent:
                connection.execute(
                    self._row(subject).values(begun=before.begun + 1, at=datetime.now(UTC))
                )
        return before

    def died(self, subject: str, reason: str) -> None:
        """Note that a worker was seen to die of it."""
        change = self._row(subject).values(deaths=ATTEMPTS.c.deaths + 1, reason=reason[:255])
        with self._engine.begin() as connection:
            connection.execute(change)

    def forgive(self, subject: str) -> None:
        """Take the last attempt back."""
        change = self._row(subject).values(begun=ATTEMPTS.c.begun - 1)
        with self._engine.begin() as connection:
            connection.execute(change)

    def end(self, subject: str) -> None:
        """Forget a subject."""
        with self._engine.begin() as connection:
            connection.execute(sa.delete(ATTEMPTS).where(ATTEMPTS.c.subject == subject))

    @staticmethod
    def _row(subject: str) -> sa.Update:
        return sa.update(ATTEMPTS).where(ATTEMPTS.c.subject == subject)
