"""The operator's first look: what came in the last day, what waits, what failed, what to do."""

import hashlib
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from dicom_node.administration.studies import Standing, Studies
from dicom_node.domain.health import Problem
from dicom_node.domain.observation import Suspension
from dicom_node.domain.study import StudyRecord
from dicom_node.domain.traffic import DestinationTraffic, SenderTraffic

PERIOD = timedelta(days=1)
_FEW = 8
_PULSE_SECONDS = 1.0
# Looking takes a tenth of one core at most, however long it takes.
_PULSE_SHARE = 10
_NEVER = datetime.min.replace(tzinfo=UTC)


class Traffic(Protocol):
    """What goes through the node."""

    def senders(self, since: datetime) -> tuple[SenderTraffic, ...]:
        """Return what each sender has brought since a moment."""

    def destinations(self, since: datetime) -> tuple[DestinationTraffic, ...]:
        """Return what went to each destination since a moment, and what still should."""

    def waiting_since(self) -> datetime | None:
        """Return since when the study waits that waits for longest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The last day at a glance.

    ``problems`` are what ``/health`` says; ``waiting`` and ``failed`` are the first few of the
    studies that ``counts`` counts; ``held`` counts results that were not sent for being wrong.
    """

    at: datetime
    problems: tuple[Problem, ...]
    senders: tuple[SenderTraffic, ...]
    destinations: tuple[DestinationTraffic, ...]
    counts: dict[Standing, int]
    waiting: tuple[StudyRecord, ...]
    waiting_since: datetime | None
    failed: tuple[StudyRecord, ...]
    held: int
    suspensions: tuple[Suspension, ...]

    @property
    def arrived(self) -> int:
        """How many studies arrived within the period."""
        return sum(each.studies for each in self.senders)

    @property
    def images(self) -> int:
        """How many images they have."""
        return sum(each.images for each in self.senders)

    @property
    def undelivered(self) -> int:
        """How many deliveries wait."""
        return sum(each.waiting for each in self.destinations)

    @property
    def given_up(self) -> int:
        """How many deliveries were given up."""
        return sum(each.failed for each in self.destinations)

    @property
    def all_is_well(self) -> bool:
        """Whether nobody has to do anything."""
        return not (self.problems or self.failed or self.held or self.given_up or self.suspensions)


def word_of(overview: Overview) -> str:
    """Return a word that is another one when an overview says something else; its time is not."""
    return hashlib.sha256(repr(replace(overview, at=_NEVER)).encode()).hexdigest()


class Pulse:
    """Says whether the overview is what it was: looked at once for all who ask, not too often."""

    def __init__(
        self,
        look: Callable[[], Overview],
        *,
        period: float = _PULSE_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._period = period
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._until = -math.inf
        self._last = ""

    def __call__(self) -> str:
        """Return `word_of` the overview as it is, or was a moment ago."""
        with self._lock:
            begun = self._monotonic()
            if begun >= self._until:
                self._last = word_of(self._look())
                took = self._monotonic() - begun
                self._until = begun + took + max(self._period, _PULSE_SHARE * took)
            return self._last


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Gathers the overview; ``is_over`` says that the node stops: nobody is to wait for more."""

    traffic: Traffic
    studies: Studies
    problems: Callable[[], tuple[Problem, ...]]
    held: Callable[[], int]
    suspensions: Callable[[], tuple[Suspension, ...]]
    clock: Callable[[], datetime]
    is_over: Callable[[], bool] = lambda: False

    def destinations(self) -> tuple[DestinationTraffic, ...]:
        """Return what went to each destination within the period, and what still should."""
        return self.traffic.destinations(self.clock() - PERIOD)

    def overview(self) -> Overview:
        """Return what there is now."""
        now = self.clock()
        return Overview(
            at=now,
            problems=self.problems(),
            senders=self.traffic.senders(now - PERIOD),
            destinations=self.traffic.destinations(now - PERIOD),
            counts=self.studies.counts(),
            waiting=self.studies.listed(Standing.WAITING, _FEW),
            waiting_since=self.traffic.waiting_since(),
            failed=self.studies.listed(Standing.FAILED, _FEW),
            held=self.held(),
            suspensions=self.suspensions(),
        )
