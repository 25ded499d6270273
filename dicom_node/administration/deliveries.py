"""Deliveries: what was given up, and sent once more on request."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from dicom_node.administration.studies import Trail
from dicom_node.domain.delivery import Delivery


class DeliveryBook(Protocol):
    """What goes where."""

    def given_up(
        self,
        destination: str = "",
        *,
        since: datetime | None = None,
        after: Delivery | None = None,
        limit: int = 100,
    ) -> tuple[Delivery, ...]:
        """Return the next deliveries that were given up, oldest first."""

    def retry_given_up(
        self,
        destination: str = "",
        *,
        since: datetime | None = None,
        delivery_ids: Sequence[str] = (),
    ) -> int:
        """Let deliveries that were given up be tried again; return how many."""


class Deliveries:
    """Has deliveries tried again that were given up."""

    def __init__(
        self,
        book: DeliveryBook,
        *,
        study_of: Callable[[str], str],
        trail: Trail,
        clock: Callable[[], datetime],
    ) -> None:
        """Keep the parts; ``study_of`` returns the study of a job."""
        self._study_of = study_of
        self._book = book
        self._trail = trail
        self._clock = clock

    def given_up(
        self, destination: str = "", *, after: Delivery | None = None, limit: int = 100
    ) -> tuple[Delivery, ...]:
        """Return the next ``limit`` deliveries that were given up, oldest first."""
        return self._book.given_up(destination, after=after, limit=limit)

    def study_of(self, delivery: Delivery) -> str:
        """Return the Study Instance UID whose results a delivery carries."""
        return self._study_of(delivery.job_id)

    def retry(self, *, actor: str, destination: str = "", since: datetime | None = None) -> int:
        """Let all be tried again that were given up, or those of a destination; return how many."""
        count = self._book.retry_given_up(destination, since=since)
        if count:
            detail = {"count": count}
            subject = destination or "given-up deliveries"
            self._trail.note("delivery retry", subject, detail, actor=actor, at=self._clock())
        return count
