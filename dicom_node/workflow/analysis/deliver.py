"""Delivery: evidence goes to each destination on its own, and is tried until it is there."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.delivery import Delivery, DeliveryState, RetryPolicy
from dicom_node.domain.evidence import EvidenceObject, EvidenceSet
from dicom_node.domain.job import Job
from dicom_node.errors import ConflictError, NodeError
from dicom_node.workflow.analysis.fit import Fitting
from dicom_node.workflow.ports import AeTitles, Clock, ResultStore, Sender
from sr_templates.evidence_kind import EVIDENCE

_LOG = logging.getLogger(__name__)


class DeliveryError(NodeError):
    """Objects were not stored by a destination; ``retryable`` says whether they may be later.

    ``refused_classes`` are the SOP Classes that it does not take at all.
    """

    def __init__(
        self, message: str, *, retryable: bool, refused_classes: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.refused_classes = refused_classes


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The next try of a delivery, and how many seconds to wait for it."""

    delivery: Delivery
    seconds: float


class Delivering:
    """Plans deliveries and tries them, one try at a time."""

    def __init__(
        self,
        *,
        results: ResultStore,
        ae_titles: AeTitles,
        sender: Sender,
        fitting: Fitting,
        policy: RetryPolicy,
        chance: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._results = results
        self._ae_titles = ae_titles
        self._sender = sender
        self._fitting = fitting
        self._policy = policy
        self._chance = chance
        self._clock = clock

    def plan(self, job: Job) -> tuple[Delivery, ...]:
        """Record a delivery of a job's evidence to each of its destinations; return new ones.

        A failure is told in an evidence set of its own, so that a later try's result follows it.
        """
        planned = (
            self._results.plan_delivery(
                job.job_id, destination, at=self._clock(), evidence_set=evidence_set
            )
            for evidence_set in (EvidenceSet.FAILURE, EvidenceSet.RESULT)
            if self._results.evidence(job.job_id, evidence_set)
            for destination in job.destinations
        )
        return tuple(each for each in planned if each.state is DeliveryState.PENDING)

    def plan_verdict(self, job_id: str) -> tuple[Delivery, ...]:
        """Record a delivery of an expert's verdict to wherever the job's results go."""
        if not self._results.evidence(job_id, EvidenceSet.VERDICT):
            return ()
        destinations = dict.fromkeys(
            each.destination for each in self._results.deliveries_of(job_id)
        )
        planned = (
            self._results.plan_delivery(
                job_id, title, at=self._clock(), evidence_set=EvidenceSet.VERDICT
            )
            for title in destinations
        )
        return tuple(each for each in planned if each.state is DeliveryState.PENDING)

    def attempt(self, delivery_id: str) -> Retry | None:
        """Try a delivery once and record the outcome; return the next try where there is one."""
        delivery = self._results.delivery(delivery_id)
        if delivery.state in (DeliveryState.DELIVERED, DeliveryState.FAILED):
            return None
        try:
            self._send(delivery)
        except NodeError as error:
            return self._failed(delivery, error)
        self._results.move_delivery(delivery_id, DeliveryState.DELIVERED, at=self._clock())
        _LOG.info("delivered job=%s destination=%s", delivery.job_id, delivery.destination)
        return None

    def lost(self, delivery: Delivery, reason: str) -> Retry | None:
        """Record a try that ended without an outcome as one that failed; return the next one."""
        try:
            return self._failed(delivery, DeliveryError(reason, retryable=True))
        except ConflictError:  # there is an outcome after all: it came while this was asked
            return None

    def untried(self, delivery: Delivery, reason: str) -> Retry | None:
        """Record a try that will never be made, and return the one in its place, which is due."""
        try:
            self._move(delivery, DeliveryState.RETRYING, DeliveryError(reason, retryable=True))
        except ConflictError:
            return None
        return Retry(delivery=delivery, seconds=0.0)

    def _send(self, delivery: Delivery) -> None:
        destination = self._ae_titles.get(delivery.destination)
        wanted = [
            each
            for each in self._results.evidence(delivery.job_id, delivery.evidence_set)
            if _is_wanted(each, destination)
        ]
        free = [each for each in wanted if not each.is_held]
        if free:
            self._send_fitted(delivery, free, destination)
        elif wanted:
            raise DeliveryError(
                "nothing to send: every object for this destination is held back (dicom-node "
                "evidence held says why)",
                retryable=False,
            )

    def _send_fitted(
        self, delivery: Delivery, objects: Sequence[EvidenceObject], destination: ApplicationEntity
    ) -> None:
        """Send objects in the best forms that the destination takes, as far as is known by now."""
        while True:
            paths = self._fitting.fit(delivery, objects, destination)
            try:
                return self._sender.send(paths, destination)
            except DeliveryError as error:
                # Each round takes a class away, so the rounds come to an end.
                if not self._fitting.learn(destination, error.refused_classes):
                    raise

    def _failed(self, delivery: Delivery, error: NodeError) -> Retry | None:
        # A destination that is not administered may be added; only a refusal is final.
        final = isinstance(error, DeliveryError) and not error.retryable
        if final or self._policy.is_over(delivery.created_at, self._clock()):
            self._move(delivery, DeliveryState.FAILED, error)
            return None
        self._move(delivery, DeliveryState.RETRYING, error)
        wait: timedelta = self._policy.delay(delivery.attempts + 1, self._chance())
        return Retry(delivery=delivery, seconds=wait.total_seconds())

    def _move(self, delivery: Delivery, state: DeliveryState, error: NodeError) -> None:
        self._results.move_delivery(
            delivery.delivery_id,
            state,
            at=self._clock(),
            error=str(error),
            attempts=delivery.attempts,
        )
        _LOG.warning(
            "not delivered job=%s destination=%s attempt=%d state=%s reason=%r",
            delivery.job_id,
            delivery.destination,
            delivery.attempts + 1,
            state.value,
            str(error),
        )


def _is_wanted(evidence: EvidenceObject, destination: ApplicationEntity) -> bool:
    # Whoever got a result must hear that it was rejected.
    return evidence.kind in destination.evidence or not EVIDENCE[evidence.kind].is_administered
