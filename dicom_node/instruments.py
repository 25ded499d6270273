"""What the node measures of itself while it works: times, tries and refusals, for Prometheus.

Labels are few and known beforehand: stages, models, AE titles that are administered, routes of
pages. Nothing that a caller can make up, and nothing of a patient, becomes one.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_STAGE_SECONDS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 900)
_REQUEST_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.3, 1, 3, 10)


class Instruments:
    """Counters and histograms of one node; safe to use from several threads."""

    def __init__(self, registry: CollectorRegistry, *, version: str) -> None:
        build = Gauge(
            "dicom_node_build_info", "1; the version that runs.", ["version"], registry=registry
        )
        build.labels(version).set(1)
        self._stages = Histogram(
            "dicom_node_stage_seconds",
            "Time that a stage of the corridor took, by its outcome: done or failed.",
            ["stage", "outcome"],
            buckets=_STAGE_SECONDS,
            registry=registry,
        )
        self._models = Histogram(
            "dicom_node_model_seconds",
            "Time from asking a worker for a model's result to having it.",
            ["model", "version", "outcome"],
            buckets=_STAGE_SECONDS,
            registry=registry,
        )
        self._deliveries = Histogram(
            "dicom_node_delivery_seconds",
            "Time that a try to store a result's objects took, by its outcome.",
            ["destination", "outcome"],
            buckets=_STAGE_SECONDS,
            registry=registry,
        )
        self._probes = Counter(
            "dicom_node_destination_probes",
            "Probes of destinations that were down, by their outcome.",
            ["destination", "outcome"],
            registry=registry,
        )
        self._requests = Histogram(
            "dicom_node_http_request_seconds",
            "Time that answering a request took, by method, route and status.",
            ["method", "route", "status"],
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self._refused_associations = Counter(
            "dicom_node_refused_associations",
            "Associations that were rejected, by reason.",
            ["reason"],
            registry=registry,
        )
        self._refused_objects = Counter(
            "dicom_node_refused_objects",
            "Objects that were not stored, by the status that was answered.",
            ["status"],
            registry=registry,
        )
        self._objects = Counter(
            "dicom_node_received_objects",
            "Objects that were stored; again are those that lay there before.",
            ["kind"],
            registry=registry,
        )
        self._notices = Counter("dicom_node_notices", "Notices that were sent.", registry=registry)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage of the corridor."""
        with _timed(lambda outcome, seconds: self._stages.labels(name, outcome).observe(seconds)):
            yield

    @contextmanager
    def model(self, name: str, version: str) -> Iterator[None]:
        """Measure a model's work on a study."""
        with _timed(
            lambda outcome, seconds: self._models.labels(name, version, outcome).observe(seconds)
        ):
            yield

    def delivered(self, destination: str, outcome: str, seconds: float) -> None:
        """Note one try to store a result's objects."""
        self._deliveries.labels(destination, outcome).observe(seconds)

    def probed(self, destination: str, outcome: str) -> None:
        """Note that a destination was asked whether it is there."""
        self._probes.labels(destination, outcome).inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note that a request was answered."""
        self._requests.labels(method, route, str(status)).observe(seconds)

    def refused_association(self, reason: str) -> None:
        """Note that an association was rejected."""
        self._refused_associations.labels(reason).inc()

    def refused_object(self, status: int) -> None:
        """Note that an object was not stored."""
        self._refused_objects.labels(f"{status:04X}").inc()

    def received_object(self, *, again: bool) -> None:
        """Note that an object was stored."""
        self._objects.labels("again" if again else "new").inc()

    def told(self, messages: int) -> None:
        """Note that notices were sent."""
        self._notices.inc(messages)


@contextmanager
def _timed(observe: Callable[[str, float], None]) -> Iterator[None]:
    begun = time.monotonic()
    try:
        yield
    except BaseException:
        observe("failed", time.monotonic() - begun)
        raise
    observe("done", time.monotonic() - begun)
