"""The operator's first look: what came in the last day, what waits, what failed, what to do."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from dicom_node.administration.studies import Standing, Studies
from dicom_node.domain.health import Problem
from dicom_node.domain.observation import Suspension
from dicom_node.domain.study import StudyRecord
from dicom_node.domain.traffic import DestinationTraffic, SenderTraffic

PERIOD = timedelta(days=1)
_FEW = 8


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Operations:
    """Gathers the overview."""

    traffic: Traffic
    studies: Studies
    problems: Callable[[], tuple[Problem, ...]]
    held: Callable[[], int]
    suspensions: Callable[[], tuple[Suspension, ...]]
    clock: Callable[[], datetime]

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
