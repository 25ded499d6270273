"""Logs and metrics. Neither ever carries patient data: objects are named by their UIDs."""

import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.health import Problem
from dicom_node.domain.peer_words import without_peer_words
from dicom_node.domain.study import StudyState
from sr_templates.evidence_kind import EvidenceKind

T = TypeVar("T")

_TALLY_SHARE = 100
_OWN_LOGGERS = ("dicom_node", "ai_engine", "sr_templates")


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            event["trace"] = self.formatException(record.exc_info)
        return without_peer_words(json.dumps(event, ensure_ascii=False))


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return without_peer_words(super().format(record))


def configure_logging(level: str, style: str) -> None:
    """Log to standard error, one event a line (``style`` is text or json).

    ``level`` is that of our own events. Libraries have their warnings only: what else they say is
    the same in more words, or repeats values of headers and letters of names.
    """
    handler = logging.StreamHandler(sys.stderr)
    if style == "json":
        handler.setFormatter(_JsonFormatter())
    else:
        handler.setFormatter(_TextFormatter("%(asctime)s %(levelname)-7s %(name)s  %(message)s"))
    least = max(logging.WARNING, logging.getLevelNamesMapping()[level])
    logging.basicConfig(level=least, handlers=[handler], force=True)
    for name in _OWN_LOGGERS:
        logging.getLogger(name).setLevel(level)
    # With a handler of its own in place, DBOS adds none that would write past ours.
    logging.getLogger("dbos").addHandler(logging.NullHandler())


class Tally(Generic[T]):
    """A count that grows with the archive: taken anew only so often that it costs next to nothing.

    It is at most a hundred times as old as it takes, so that counting takes a hundredth of the
    time of one core, however often somebody asks.
    """

    def __init__(
        self, count: Callable[[], T], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._count = count
        self._monotonic = monotonic
        self._until = 0.0
        self._last: T | None = None

    def __call__(self) -> T:
        """Return the count, taken now or a moment ago."""
        begun = self._monotonic()
        if self._last is None or begun >= self._until:
            self._last = self._count()
            ended = self._monotonic()
            self._until = ended + _TALLY_SHARE * (ended - begun)
        return self._last


class CorridorCollector(Collector):
    """Where studies and deliveries stand, read from the database when Prometheus asks."""

    def __init__(
        self,
        *,
        studies: Callable[[], dict[StudyState, int]],
        deliveries: Callable[[], dict[tuple[str, DeliveryState], int]],
        held: Callable[[], dict[EvidenceKind, int]],
        conflicts: Callable[[], int],
        open_associations: Callable[[], int],
        problems: Callable[[], Sequence[Problem]] = tuple,
    ) -> None:
        self._studies = Tally(studies)
        self._deliveries = Tally(deliveries)
        self._problems = problems
        self._held = held
        self._conflicts = conflicts
        self._open_associations = open_associations

    def collect(self) -> Iterator[Metric]:
        """Yield the corridor's figures."""
        studies = GaugeMetricFamily("dicom_node_studies", "Studies by state.", labels=["state"])
        counted = self._studies()
        for state in StudyState:
            studies.add_metric([state.value], counted.get(state, 0))
        yield studies
        deliveries = GaugeMetricFamily(
            "dicom_node_deliveries",
            "Deliveries by destination and state.",
            labels=["destination", "state"],
        )
        for (destination, delivery_state), count in self._deliveries().items():
            deliveries.add_metric([destination, delivery_state.value], count)
        yield deliveries
        held = GaugeMetricFamily(
            "dicom_node_evidence_held",
            "Result objects that the gate holds back, by kind.",
            labels=["kind"],
        )
        for kind, count in self._held().items():
            held.add_metric([kind.value], count)
        yield held
        yield CounterMetricFamily(
            "dicom_node_conflicting_objects",
            "Objects that are kept but not used: other content came before under their UID.",
            value=self._conflicts(),
        )
        problems = GaugeMetricFamily(
            "dicom_node_problems", "What is wrong, by kind.", labels=["kind", "severity"]
        )
        found = Counter((each.kind, each.severity.value) for each in self._problems())
        for labels, number in found.items():
            problems.add_metric(labels, number)
        yield problems
        yield GaugeMetricFamily(
            "dicom_node_open_associations",
            "Associations that are open now.",
            value=self._open_associations(),
        )


def make_registry(*collectors: Collector) -> CollectorRegistry:
    """Return a registry of its own for one node."""
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    return registry
