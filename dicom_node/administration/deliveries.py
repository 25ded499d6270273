"""Deliveries: what was given up, and sent once more on request."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from dicom_node.administration.studies import Trail


class DeliveryBook(Protocol):
    """What goes where."""

    def retry_failed_deliveries(self, *, at: datetime) -> int:
        """Let deliveries that were given up be tried again; return how many."""


class Deliveries:
    """Has deliveries tried again that were given up."""

    def __init__(self, book: DeliveryBook, *, trail: Trail, clock: Callable[[], datetime]) -> None:
        self._book = book
        self._trail = trail
        self._clock = clock

    def retry(self, *, actor: str) -> int:
        """Let all be tried again that were given up; return how many."""
        count = self._book.retry_failed_deliveries(at=self._clock())
        if count:
            detail = {"count": count}
            self._trail.note(
                "delivery retry", "given-up deliveries", detail, actor=actor, at=self._clock()
            )
        return count
