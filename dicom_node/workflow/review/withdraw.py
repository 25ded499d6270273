"""Withdrawing: what the Warehouse has learned of a verdict that was taken back is superseded."""

import logging
from collections.abc import Sequence
from typing import Protocol

from dicom_node.domain.review.review import Reopening
from dicom_node.domain.warehouse import Warehouse

_LOG = logging.getLogger(__name__)


class Reopenings(Protocol):
    """Verdicts that were taken back."""

    def still_learned(self) -> Sequence[Reopening]:
        """Return those that the Warehouse may still hold."""

    def note_withdrawn(self, taken: Reopening) -> None:
        """Note that it learns from one no more."""


class Withdrawing:
    """Takes records out of the Warehouse whose verdicts hold no more; run at once, and by sweep."""

    def __init__(self, reopenings: Reopenings, warehouse: Warehouse) -> None:
        self._reopenings = reopenings
        self._warehouse = warehouse

    def sweep(self) -> None:
        """Supersede what is still there; doing it again changes nothing."""
        for each in self._reopenings.still_learned():
            self._warehouse.supersede(
                each.item_id, decided_until=each.decided_at, by=each.by, why=each.reason, at=each.at
            )
            self._reopenings.note_withdrawn(each)
            _LOG.info("record superseded record=%s by=%s", each.item_id, each.by)
