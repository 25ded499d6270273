"""Planning: which evidence goes where. What is planned is a committed row."""

from collections.abc import Callable, Iterator

from dicom_node.domain.delivery import WAITING, Delivery
from dicom_node.domain.evidence import EvidenceSet
from dicom_node.domain.job import Job
from dicom_node.workflow.ports import Clock, DeliveryLedger, ResultStore


class Planning:
    """Plans deliveries, and wakes whoever takes them to their destinations."""

    def __init__(self, *, results: ResultStore, ledger: DeliveryLedger, clock: Clock) -> None:
        self._results = results
        self._ledger = ledger
        self._clock = clock
        self._wake: Callable[[str], None] | None = None
        self._expect: Callable[[str], None] | None = None

    def wake_with(
        self, wake: Callable[[str], None], expect: Callable[[str], None] | None = None
    ) -> None:
        """Say who is told of a destination for which something waits, or is being made."""
        self._wake = wake
        self._expect = expect

    def expect(self, job: Job) -> None:
        """Tell that a job's evidence is being made."""
        if self._expect is not None:
            for destination in job.destinations:
                self._expect(destination)

    def plan(self, job: Job) -> None:
        """Record a delivery of a job's evidence to each of its destinations.

        A failure is told in an evidence set of its own, so that a later try's result follows it.
        """
        made = self._results.evidence_sets(job.job_id)
        self._tell(
            self._ledger.plan(
                job.job_id,
                destination,
                at=self._clock(),
                urgent=job.urgent,
                evidence_set=evidence_set,
            )
            for evidence_set in (EvidenceSet.FAILURE, EvidenceSet.RESULT)
            if evidence_set in made
            for destination in job.destinations
        )

    def plan_verdict(self, job_id: str) -> None:
        """Record a delivery of an expert's verdict to wherever the job's results go.

        Where it takes the place of one that was taken back, what went there before has followed
        another verdict: the new one goes too.
        """
        if not self._results.evidence(job_id, EvidenceSet.VERDICT):
            return
        if self._results.evidence(job_id, EvidenceSet.TAKEN_BACK):
            self._ledger.reopen(job_id, EvidenceSet.VERDICT)
        destinations = dict.fromkeys(each.destination for each in self._ledger.of_job(job_id))
        self._tell(
            self._ledger.plan(job_id, title, at=self._clock(), evidence_set=EvidenceSet.VERDICT)
            for title in destinations
        )

    def wake(self, destination: str) -> None:
        """Tell that something waits for a destination."""
        if self._wake is not None:
            self._wake(destination)

    def _tell(self, planned: Iterator[Delivery]) -> None:
        for each in planned:
            if each.state in WAITING:
                self.wake(each.destination)
