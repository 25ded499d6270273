"""What a running node does again and again: its sweeps, and the jobs that have their hour."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from dicom_node.configuration.settings import NodeSettings
from dicom_node.isolation.memory import give_back_memory
from dicom_node.models.services import ServiceWatch
from dicom_node.node.auditing import Auditing
from dicom_node.node.clock import utc_now
from dicom_node.node.committing import commitment_telling
from dicom_node.node.device_jobs import DeviceJobs
from dicom_node.node.fetching import repairing_of
from dicom_node.node.finetuning_schedule import FineTuningSchedule
from dicom_node.node.hosts import Cluster
from dicom_node.node.messages import Messages
from dicom_node.node.performing import performer_of
from dicom_node.node.procedure_steps import Workstations
from dicom_node.node.reception import ReceptionDesk
from dicom_node.node.relief import LeftAssociations
from dicom_node.node.repositories import Repositories
from dicom_node.node.retention import Retention, retention_rule
from dicom_node.node.schedule import Schedule
from dicom_node.node.self_test import SelfTest
from dicom_node.node.shadows import Shadows
from dicom_node.node.sweeps import Sweeps, one_after_another
from dicom_node.node.wanting import study_fetching
from dicom_node.node.work import Work
from dicom_node.persistence.review.queue import HotbaseReviewQueue
from dicom_node.workflow.analysis.complete import Completion
from dicom_node.workflow.delivery.dispatch import Dispatch
from dicom_node.workflow.engine import WorkflowEngine
from dicom_node.workflow.remote import RemoteWorkflows

# A verdict that is this old and known nowhere was given outside this process, or left by a crash.
_UNTOLD_AFTER = timedelta(seconds=2)
_LOOK_AT_SERVICES = 30  # seconds
# What a model said as a whole is needed until its evidence is made; later it would be made again.
_KEEP_PREDICTIONS = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpkeepParts:
    """What is kept up; ``work`` and ``left`` where the host works and shares its database."""

    cluster: Cluster
    work: Work | None
    left: LeftAssociations | None
    workflows: WorkflowEngine | RemoteWorkflows
    completion: Completion
    desk: ReceptionDesk
    dispatch: Dispatch
    review_queue: HotbaseReviewQueue
    workstations: Workstations
    auditing: Auditing
    jobs: DeviceJobs
    shadows: Shadows
    services: ServiceWatch
    tuning: FineTuningSchedule
    self_test: SelfTest
    tell: Callable[[], object]
    renew_website: Callable[[], object]
    news: Sequence[Callable[[], bool]]
    is_over: Callable[[], bool]


class Upkeep:
    """Sweeps and jobs of the clock, between ``start`` and ``stop``."""

    def __init__(
        self, settings: NodeSettings, repositories: Repositories, parts: UpkeepParts
    ) -> None:
        """Run nothing yet."""
        self._settings, self._repositories, self._parts = settings, repositories, parts
        self._clock = Schedule(leads=parts.cluster.leads)
        self._is_resting = False
        self._sweeps = Sweeps(
            seconds=settings.workflow.sweep_interval,
            news=(parts.desk.lags, *parts.news),
            waits=self._is_anything_under_way,
            resting=self._rest,
            leads=parts.cluster.leads,
        )

    def start(self) -> None:
        """Begin: what this host does by its role."""
        self._sweeps.add(one_after_another(self._parts_of_sweep))
        self._clock.every(self._parts.renew_website, seconds=60)
        if self._parts.work:
            self._add_sweeps_of_work()
            self._add_jobs_of_work()
        self._clock.start()
        self._sweeps.start()

    def stop(self) -> None:
        """Run nothing more, and wait for what is running."""
        self._clock.stop()
        self._sweeps.stop()

    def _add_sweeps_of_work(self) -> None:
        settings, repositories, sweeps = self._settings, self._repositories, self._sweeps
        # At once, and whenever something is indexed without its attributes.
        sweeps.add(repositories.describing.run, for_all=True, at_once=True)
        sweeps.add(commitment_telling(settings, repositories).sweep, for_all=True)
        sweeps.add(Messages(settings, repositories).sweep, for_all=True)
        sweeps.add(self._parts.shadows.run, for_all=True)
        retrieving = (settings, repositories, self._parts.completion)
        is_over = self._parts.is_over
        sweeps.add(study_fetching(*retrieving, is_over=is_over).sweep, for_all=True)
        if settings.retrieval.archive:
            sweeps.add(repairing_of(*retrieving, is_over=is_over).sweep, for_all=True)

    def _add_jobs_of_work(self) -> None:
        settings, parts, clock = self._settings, self._parts, self._clock
        clock.every(parts.services.look, seconds=_LOOK_AT_SERVICES, at_once=True)
        clock.every(self._collect, seconds=3600, for_all=True)
        clock.every(parts.tell, seconds=settings.notifications.interval, for_all=True)
        if (performer := performer_of(settings, self._repositories)) is not None:
            clock.every(performer.sweep, seconds=settings.performing.interval, for_all=True)
        clock.at(parts.jobs.calibrate_all, settings.calibration.schedule)
        clock.at(parts.jobs.watch_all, settings.drift.schedule)
        clock.at(parts.tuning.run, settings.finetuning.schedule)
        clock.at(self._retention().run, settings.retention.schedule)
        clock.at(parts.self_test.run, settings.self_test.schedule)

    def _retention(self) -> Retention:
        return Retention(
            self._repositories.retention,
            data=self._settings.common_dir,
            result_path=self._repositories.evidence.path,
            rule=retention_rule(self._settings),
            clock=utc_now,
            record=self._parts.auditing.record,
        )

    def _rest(self, is_resting: bool) -> None:
        if self._parts.work:
            self._parts.work.workflows.rest(is_resting)
        if is_resting and not self._is_resting:
            give_back_memory()
        self._is_resting = is_resting

    def _is_anything_under_way(self) -> bool:
        """Whether sweeps may find something that nobody tells of: time makes it due."""
        if self._repositories.waiting.any():
            return True
        return self._parts.work is not None and self._parts.work.is_under_way()

    def _parts_of_sweep(self) -> Iterator[Callable[[], object]]:
        parts = self._parts
        yield parts.desk.catch_up
        if parts.left:
            yield parts.left.settle
        if parts.work:
            yield parts.work.sweep
            if parts.cluster.leads():
                yield parts.work.salvage
            yield parts.dispatch.sweep
            if parts.cluster.leads():
                yield parts.completion.sweep
        if parts.cluster.role.shows:
            yield parts.workstations.sweep
        if parts.work and parts.cluster.leads():
            yield self._conclude_decided
            yield self._repositories.withdraw_reopened
            yield parts.auditing.take_changes

    def _conclude_decided(self) -> None:
        # Also what the command line has decided. A new attempt each minute, should one fail.
        minute = int(utc_now().timestamp() // 60)
        for item_id in self._parts.review_queue.unconcluded(utc_now() - _UNTOLD_AFTER):
            self._parts.workflows.conclude_now(item_id, attempt=minute)

    def _collect(self) -> None:
        repositories = self._repositories
        if self._parts.work:
            self._parts.work.workflows.collect()
        repositories.hotbase.forget_predictions(utc_now() - _KEEP_PREDICTIONS)
        before = utc_now() - timedelta(seconds=self._settings.workflow.keep_workflows)
        for kept in (
            repositories.commitment_requests,
            repositories.commitments,
            repositories.announcements,
            repositories.messages,
            repositories.taken,
        ):
            kept.collect(before)
