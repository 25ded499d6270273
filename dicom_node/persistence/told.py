"""What each channel of notices was told, so that a restart neither repeats nor loses any of it."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from dicom_node.domain.notice import News, Told, Weight
from dicom_node.persistence.access_tables import TOLD
from dicom_node.persistence.corridor.tables import FINDINGS, JOBS
from dicom_node.persistence.upsert import insert_or_replace

_LONGEST = 160


class ToldStore:
    """The table of what was told."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of(self, channel: str) -> dict[str, Told]:
        """Return what a channel was told of each matter that has not ended, by the matter's key."""
        query = sa.select(TOLD).where(TOLD.c.channel == channel)
        with self._engine.connect().execution_options(read_only=True) as connection:
            return {
                row["key"]: Told(
                    key=row["key"],
                    fingerprint=row["fingerprint"],
                    words=row["words"],
                    at=row["at"],
                )
                for row in connection.execute(query).mappings()
            }

    def note(self, channel: str, news: News, *, at: datetime) -> None:
        """Note that a channel has taken news."""
        rows = [
            {
                "channel": channel,
                "key": each.key[:_LONGEST],
                "fingerprint": each.fingerprint[:_LONGEST],
                "words": each.words if each.ends else "",
                "at": at,
            }
            for each in news.matters
        ]
        with self._engine.begin() as connection:
            insert_or_replace(connection, TOLD, rows)
            for each in news.over:
                connection.execute(
                    sa.delete(TOLD).where(TOLD.c.channel == channel, TOLD.c.key == each.key)
                )

    def forget(self, *, findings_before: datetime, channels: Iterable[str]) -> None:
        """Forget findings that were told before a moment, and channels other than these."""
        old = TOLD.c.fingerprint.startswith(f"{Weight.FINDING}|") & (TOLD.c.at < findings_before)
        with self._engine.begin() as connection:
            connection.execute(sa.delete(TOLD).where(old | TOLD.c.channel.not_in(list(channels))))


class FindingSearch:
    """Looks for findings that a rule may call urgent."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def since(
        self, label: str, least: float, moment: datetime, limit: int = 1000
    ) -> tuple[tuple[str, str], ...]:
        """Return job and study of each result since a moment in which a label is probable enough.

        A finding is one only at or above its own threshold, whatever ``least`` is.
        """
        query = (
            sa.select(JOBS.c.job_id, JOBS.c.study_instance_uid)
            .join(FINDINGS, FINDINGS.c.job_id == JOBS.c.job_id)
            .where(
                JOBS.c.created_at >= moment,
                sa.func.lower(FINDINGS.c.label) == label.lower(),
                FINDINGS.c.probability >= least,
                FINDINGS.c.probability >= FINDINGS.c.threshold,
            )
            .distinct()
            .order_by(JOBS.c.job_id)
            .limit(limit)
        )
        with self._engine.connect().execution_options(read_only=True) as connection:
            return tuple((row.job_id, row.study_instance_uid) for row in connection.execute(query))
