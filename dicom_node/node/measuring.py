"""Puts instruments beside what they measure: receivers, couriers, models; and reads the gauges."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.health import Problem
from dicom_node.domain.review.review import ReviewState
from dicom_node.domain.traffic import DestinationTraffic
from dicom_node.instruments import Instruments
from dicom_node.network.events import (
    AssociationRefused,
    InstanceReceived,
    ObjectRefused,
    ReceptionEvent,
)
from dicom_node.node.clock import utc_now
from dicom_node.node.device_metrics import DriftCollector
from dicom_node.node.isolated import Workers
from dicom_node.node.repositories import Repositories
from dicom_node.telemetry import CorridorCollector
from dicom_node.workflow.delivery.ports import DestinationAwayError, Line, Outcome, Sender, Sent
from dicom_node.workflow.devices.drift import DeviceDrift

# More items of a state are shown as so many: counting a million takes its time.
_MOST_REVIEWS = 100_000


def measured_events(
    handle: Callable[[Sequence[ReceptionEvent]], None], instruments: Instruments
) -> Callable[[Sequence[ReceptionEvent]], None]:
    """Return what counts events of receivers before it hands them on."""

    def take(events: Sequence[ReceptionEvent]) -> None:
        for event in events:
            if isinstance(event, AssociationRefused):
                instruments.refused_association(event.refusal.name.lower())
            elif isinstance(event, ObjectRefused):
                instruments.refused_object(event.status)
            elif isinstance(event, InstanceReceived):
                instruments.received_object(again=event.duplicate)
        handle(events)

    return take


class MeasuredSender:
    """A sender whose tries are measured."""

    def __init__(self, sender: Sender, instruments: Instruments) -> None:
        self._sender = sender
        self._instruments = instruments

    def verify(self, destination: ApplicationEntity) -> None:
        """Probe a destination by C-ECHO.

        Raises
        ------
        DestinationAwayError
            When it does not answer.
        """
        try:
            self._sender.verify(destination)
        except DestinationAwayError:
            self._instruments.probed(destination.title, "away")
            raise
        self._instruments.probed(destination.title, "answered")

    @contextmanager
    def connect(self, destination: ApplicationEntity, paths: Sequence[str]) -> Iterator[Line]:
        """Open an association for these objects, and others of their kinds.

        Raises
        ------
        DestinationAwayError
            When there is none.
        """
        begun = time.monotonic()
        try:
            line = self._sender.connect(destination, paths)
            with line as opened:
                yield _MeasuredLine(opened, destination.title, self._instruments)
        except DestinationAwayError:
            self._instruments.delivered(destination.title, "away", time.monotonic() - begun)
            raise


class _MeasuredLine:
    def __init__(self, line: Line, destination: str, instruments: Instruments) -> None:
        self._line = line
        self._destination = destination
        self._instruments = instruments

    def carries(self, paths: Sequence[str]) -> bool:
        return self._line.carries(paths)

    def send(self, paths: Sequence[str]) -> tuple[Sent, ...]:
        begun = time.monotonic()
        sent = self._line.send(paths)
        worst = next((each.outcome for each in sent if each.outcome is not Outcome.STORED), None)
        outcome = (worst or Outcome.STORED).value
        self._instruments.delivered(self._destination, outcome, time.monotonic() - begun)
        return sent


class StandingCollector(Collector):
    """What stands at the moment of asking: disk, the oldest that waits, workers."""

    def __init__(
        self,
        *,
        data: Path,
        workers: Workers,
        waiting_since: Callable[[], datetime | None],
        destinations: Callable[[], tuple[DestinationTraffic, ...]],
        reviews: Callable[[], dict[str, int]],
        clock: Callable[[], datetime],
    ) -> None:
        self._data = data
        self._workers = workers
        self._waiting_since = waiting_since
        self._destinations = destinations
        self._reviews = reviews
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        usage = shutil.disk_usage(self._data)
        yield _gauge("dicom_node_disk_free_bytes", "Room left in the data folder.", usage.free)
        yield _gauge("dicom_node_disk_bytes", "Size of the data folder's disk.", usage.total)
        since = self._waiting_since()
        yield _gauge(
            "dicom_node_oldest_study_seconds",
            "For how long the study has waited that waits for longest; 0: none waits.",
            self._seconds(since),
        )
        oldest = GaugeMetricFamily(
            "dicom_node_oldest_delivery_seconds",
            "For how long the delivery has waited that waits for longest, by destination.",
            labels=["destination"],
        )
        for each in self._destinations():
            oldest.add_metric([each.destination], self._seconds(each.waiting_since))
        yield oldest
        reviews = GaugeMetricFamily(
            "dicom_node_review_items", "Items of the worklist by state.", labels=["state"]
        )
        for state, count in self._reviews().items():
            reviews.add_metric([state], count)
        yield reviews
        yield CounterMetricFamily(
            "dicom_node_worker_deaths",
            "Worker processes that ended early.",
            value=self._workers.deaths(),
        )
        yield _gauge(
            "dicom_node_workers_down", "Worker processes that do not run.", self._workers.down()
        )

    def _seconds(self, since: datetime | None) -> float:
        return max(0.0, (self._clock() - since).total_seconds()) if since else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What a running node's gauges are read from, beside its stores."""

    workers: Workers
    reviews: Callable[[int], Mapping[ReviewState, int]]
    open_associations: Callable[[], int]
    problems: Callable[[], Sequence[Problem]]
    drifts: Callable[[], Sequence[DeviceDrift]]


def fill_registry(
    registry: CollectorRegistry, repositories: Repositories, observed: Observed
) -> CollectorRegistry:
    """Register everything that is read when Prometheus asks; return the same registry."""
    registry.register(
        CorridorCollector(
            studies=repositories.index.counts,
            deliveries=repositories.deliveries.counts,
            held=repositories.hotbase.held_counts,
            conflicts=repositories.conflicts.count,
            open_associations=observed.open_associations,
            problems=observed.problems,
        )
    )
    registry.register(
        DriftCollector(measured=observed.drifts, suspensions=repositories.observations.suspensions)
    )
    traffic, reviews = repositories.traffic, observed.reviews
    registry.register(
        StandingCollector(
            data=repositories.settings.common_dir,
            workers=observed.workers,
            waiting_since=traffic.waiting_since,
            destinations=lambda: traffic.destinations(utc_now()),
            reviews=lambda: {state.value: count for state, count in reviews(_MOST_REVIEWS).items()},
            clock=utc_now,
        )
    )
    ProcessCollector(registry=registry)
    return registry


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)
