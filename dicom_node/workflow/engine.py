"""Durable execution on DBOS: where the corridor's steps are checkpointed, retried and queued.

Studies start directly, because a queue's poll would cost more than the analysis; only a backlog
beyond ``_DIRECT`` waits in a queue, as do studies that wait for their quiet period. Deliveries are
no workflows: their rows are their queue (``delivery``).
"""

import logging
import math
import threading
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from dbos import DBOS, Debouncer, SetWorkflowID, WorkflowStatus
from dbos import error as dbos_error

from dicom_node.domain.self_test import StageTime
from dicom_node.errors import NodeError
from dicom_node.workflow.contract import StepContract
from dicom_node.workflow.looks import Bell, Looks
from dicom_node.workflow.names import ANALYSE, APPLICATION, CONCLUDE, STUDIES, VERDICTS, stage_times
from dicom_node.workflow.outages import Outages
from dicom_node.workflow.pipeline import Corridor
from dicom_node.workflow.ports import Fate, Life
from dicom_node.workflow.recorded_steps import RecordedSteps, cause_of
from dicom_node.workflow.step_values import StepValues, refuse_pickles
from dicom_node.workflow.take_up import WorkflowRows, sort_out
from dicom_node.workflow.written_values import UnreadableValueError

_LOG = logging.getLogger(__name__)
_UNFINISHED = ("PENDING", "ENQUEUED", "DELAYED")
# Nothing but an upgrade cancels: what was cancelled is to be begun anew.
_LEFT = "CANCELLED"
# Studies whose workflows are held in memory; those that are not being analysed cost a thread each.
_DIRECT = 64
# How many rows are deleted at a time.
_PAGE = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Where workflows are kept, for how long, and whose work is gone on with."""

    database_url: str
    database_engine: sa.Engine | None
    executor_id: str
    keep_workflows: float
    contract: StepContract
    service_patience: float = math.inf
    sharing: "Sharing | None" = None
    log_level: str = "WARNING"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharing:
    """What holds where several hosts share a workflow store.

    ``places`` is how many studies a host takes from the queue at a time: few, so that others have
    some too. ``others_work`` says whether there are any, ``versions`` returns the contracts of the
    hosts that are alive and work; ``connect`` goes to the database's driver. ``bell`` tells hosts
    of each other's work; while it is not heard, they look each ``poll`` seconds.
    """

    places: int
    others_work: Callable[[], bool]
    versions: Callable[[], Collection[str]]
    connect: Mapping[str, Any]
    bell: Bell
    poll: float = 0.5


def _words(error: object) -> str:
    """Say in which error a workflow ended; only the node's own words are free of header values."""
    if isinstance(error, NodeError):
        return str(error)
    return type(error).__name__ if isinstance(error, Exception) else ""


class WorkflowEngine:
    """Runs the corridor's workflows; one per process, between ``start`` and ``stop``."""

    def __init__(
        self,
        settings: EngineSettings,
        corridor: Corridor,
        rows: WorkflowRows,
        *,
        stage: Callable[[str], AbstractContextManager[None]] = lambda _name: nullcontext(),
    ) -> None:
        """Keep the parts; ``stage`` measures each step that is done, by its name."""
        self._settings = settings
        self._stage = stage
        self._corridor = corridor
        self._rows = rows
        self._lock = threading.Lock()
        self._direct: set[str] = set()
        self._running: set[str] = set()
        self.outages = Outages(
            resting=corridor.slots.rested, service_patience=settings.service_patience
        )
        self._analyse: Callable[[str], None]
        self._conclude: Callable[[str], None]
        self._debouncer: Debouncer[[str], None]
        self._looks = Looks()

    def start(self) -> None:
        """Open the workflow store and take up whatever the last run left unfinished."""
        refuse_pickles()
        self.outages.start()
        dbos = DBOS(
            config={
                "name": APPLICATION,
                "system_database_url": self._settings.database_url,
                "system_database_engine": self._settings.database_engine,
                "serializer": StepValues(),
                "application_version": self._settings.contract.version,
                "executor_id": self._settings.executor_id,
                "log_level": self._settings.log_level,
                "console_log_level": self._settings.log_level,
                # Until the looks are made rare, which is before this has passed once.
                "notification_listener_polling_interval_sec": 0.1,
                "db_engine_kwargs": self._connecting(),
            }
        )
        self._register()
        DBOS.launch()
        sharing = self._settings.sharing
        self._looks.make_rare(dbos, sharing.bell if sharing else None)
        DBOS.register_queue(
            STUDIES,
            worker_concurrency=sharing.places if sharing else _DIRECT,
            polling_interval_sec=sharing.poll if sharing else 1.0,
        )
        if sharing:
            DBOS.register_queue(VERDICTS, worker_concurrency=_DIRECT)
        self._looks.tell()
        self._expect_delays()
        self._debouncer = Debouncer.create(self._analyse, queue=STUDIES)
        self.take_up_versions()
        if forgotten := self._rows.forget_foreign_values(StepValues().name()):
            _LOG.warning("values of earlier serialisers forgotten workflows=%d", forgotten)

    def _expect_delays(self) -> None:
        """Look when the quiet periods end that have begun before this start."""
        now = time.time()
        delayed = DBOS.list_workflows(status="DELAYED", load_input=False, load_output=False)
        for each in delayed:
            if each.delay_until_epoch_ms is not None:
                self._looks.expect(each.delay_until_epoch_ms / 1000 - now)

    def stop(self, timeout: float = 10.0) -> None:
        """Let running workflows end, up to ``timeout`` seconds; the rest is taken up next time."""
        self.outages.stop()
        self._looks.stop(timeout)
        DBOS.destroy(destroy_registry=True)
        self._rows.close()

    def rest(self, is_resting: bool) -> None:
        """Say whether nothing is under way, told by who hears of all commits (`Looks.rest`)."""
        self._looks.rest(is_resting)

    def analyse_now(self, study_instance_uid: str) -> str:
        """Start analysing a study, or queue it while many are waiting already."""
        workflow_id = str(uuid.uuid4())
        most = self._most_direct()
        with self._lock:
            is_direct = len(self._direct) < most
            if is_direct:
                self._direct.add(workflow_id)
        with SetWorkflowID(workflow_id):
            if is_direct:
                self._start_directly(workflow_id, study_instance_uid)
            else:
                DBOS.enqueue_workflow(STUDIES, self._analyse, study_instance_uid)
        if not is_direct:
            self._looks.tell_all()
        return workflow_id

    def _start_directly(self, workflow_id: str, study_instance_uid: str) -> None:
        try:
            DBOS.start_workflow(self._analyse, study_instance_uid)
        except BaseException:
            # No thread will give the place back, and its row, if there is one, is an orphan.
            with self._lock:
                self._direct.discard(workflow_id)
            raise

    def analyse_when_quiet(self, study_instance_uid: str, seconds: float) -> str:
        """Start analysing a study ``seconds`` after the last call for it."""
        handle = self._debouncer.debounce(study_instance_uid, seconds, study_instance_uid)
        self._looks.tell_all(seconds)
        return handle.workflow_id

    def conclude_now(self, item_id: str, attempt: int = 1) -> None:
        """Start making a verdict known; asking again with the same ``attempt`` changes nothing."""
        with SetWorkflowID(f"review-{item_id}-{attempt}"):
            DBOS.start_workflow(self._conclude, item_id)

    def fates(self, workflow_ids: Sequence[str]) -> Mapping[str, Fate]:
        """Return what became of these workflows; one that was never begun is left out."""
        known = DBOS.list_workflows(workflow_ids=list(workflow_ids), load_input=False)
        return {each.workflow_id: self._fate(each) for each in known}

    def stages(self, workflow_id: str) -> tuple[StageTime, ...]:
        """Return how long each step of a workflow took, in their order."""
        return stage_times(DBOS.list_workflow_steps(workflow_id, load_output=False))

    def cancel(self, workflow_ids: Sequence[str]) -> None:
        """See to it that these workflows are never run again, by whatever version."""
        DBOS.cancel_workflows(list(workflow_ids))

    def orphans(self) -> frozenset[str]:
        """Return the workflows that should be running in this process and that no thread runs."""
        pending = DBOS.list_workflows(
            status="PENDING",
            name=[ANALYSE, CONCLUDE],
            app_version=self._settings.contract.version,
            load_input=False,
            load_output=False,
        )
        own = {
            each.workflow_id for each in pending if each.executor_id == self._settings.executor_id
        }
        with self._lock:
            # What was started directly and has not begun yet waits for its thread alone.
            return frozenset(own - self._running - self._direct)

    def take_up(self, workflow_id: str) -> None:
        """Go on with a workflow that no thread runs, where it was."""
        DBOS.resume_workflow(workflow_id)
        self._looks.tell()

    def take_over(self, executor_ids: Collection[str]) -> int:
        """Have whoever works go on with what dead hosts were running; return how much that was.

        To be called again and again for as long as they are dead: what a restart of the database
        kept from being taken over this time is taken over next time.
        """
        released = self._rows.release(executor_ids, self._settings.contract.version)
        if released:
            _LOG.warning("work of dead hosts taken over workflows=%d", len(released))
            self._looks.tell_all()
        return len(released) + self.take_up_versions(executor_ids)

    def alive(self, workflow_ids: Sequence[str]) -> frozenset[str]:
        """Return those of these workflows that run or wait."""
        fates = self.fates(workflow_ids)
        return frozenset(name for name, fate in fates.items() if fate.life is Life.ALIVE)

    def collect(self) -> int:
        """Delete the rows of all workflows that ended long ago; return how many."""
        count = 0
        while ended := self._ended():
            DBOS.delete_workflows(ended)
            count += len(ended)
        return count

    def _ended(self) -> list[str]:
        cutoff = time.time() - self._settings.keep_workflows
        found = DBOS.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            end_time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(cutoff)),
            limit=_PAGE,
            load_input=False,
            load_output=False,
        )
        return [each.workflow_id for each in found]

    def take_up_versions(self, dead: Collection[str] = ()) -> int:
        """Go on with what another version has left, or have it begun anew; return of how much.

        That of a version which a living host has is that one's.
        """
        version = self._settings.contract.version
        left = sort_out(
            self._rows.unfinished(but_of={version, *self._living()}),
            self._settings.contract,
            executor_ids={self._settings.executor_id, *dead},
        )
        self._rows.adopt([each.workflow_id for each in left.go_on], version)
        for each in left.go_on:
            if each.is_running:
                DBOS.resume_workflow(each.workflow_id)
        if left.go_on:
            self._looks.tell()
        if left.anew:
            self.cancel([each.workflow_id for each in left.anew])
        if left.go_on or left.anew:
            # What was cancelled holds foreign values, too, that nothing asks for any more.
            forgotten = self._rows.forget_foreign_values(StepValues().name())
            _LOG.warning(
                "work of another version taken up goes_on=%d begun_anew=%d forgotten=%d",
                len(left.go_on),
                len(left.anew),
                forgotten,
            )
        return len(left.go_on) + len(left.anew)

    def _living(self) -> Collection[str]:
        """Return the versions of the hosts that are alive and work."""
        return self._settings.sharing.versions() if self._settings.sharing else ()

    def _most_direct(self) -> int:
        """How many studies are started directly at a time; others would have nothing to do."""
        sharing = self._settings.sharing
        return sharing.places if sharing and sharing.others_work() else _DIRECT

    def _connecting(self) -> dict[str, Any] | None:
        sharing = self._settings.sharing
        return {"connect_args": dict(sharing.connect)} if sharing else None

    def _fate(self, workflow: WorkflowStatus) -> Fate:
        if workflow.status == _LEFT:
            return Fate(life=Life.LEFT)
        if workflow.status not in _UNFINISHED:
            return Fate(life=Life.ENDED, error=_words(workflow.error))
        own = self._settings.contract.version
        if workflow.app_version in (own, None) or workflow.status == "DELAYED":
            return Fate(life=Life.ALIVE)
        # DBOS runs only what its own version began. Another version may be running in another
        # process beside this one, though, and what that has taken up is that one's.
        is_elsewhere = (
            workflow.status == "PENDING" and workflow.executor_id != self._settings.executor_id
        )
        is_alive = is_elsewhere or workflow.app_version in self._living()
        return Fate(life=Life.ALIVE if is_alive else Life.LEFT)

    def _register(self) -> None:
        # DBOS finds workflows by name when it recovers them, so they must be registered before
        # launch; they are registered here, not at import, because they close over the corridor.
        def analyse_study(study_instance_uid: str) -> None:
            with self._in_this_thread(), self._stage("whole analysis"):
                self._guarded_analysis(study_instance_uid)

        def conclude_review(item_id: str) -> None:
            with self._in_this_thread():
                self._corridor.conclude(item_id, self._steps())

        self._conclude = DBOS.workflow(name=CONCLUDE)(conclude_review)
        self._analyse = DBOS.workflow(name=ANALYSE)(analyse_study)

    @contextmanager
    def _in_this_thread(self) -> Iterator[None]:
        """Note that a thread runs the workflow, for as long as it does."""
        workflow_id = DBOS.workflow_id or ""
        with self._lock:
            self._running.add(workflow_id)
            came_from_queue = workflow_id not in self._direct
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(workflow_id)
            if came_from_queue:
                self._looks.tell()

    def _steps(self) -> RecordedSteps:
        return RecordedSteps(outages=self.outages, stage=self._stage, concluding=self.conclude_now)

    def _guarded_analysis(self, study_instance_uid: str) -> None:
        steps = self._steps()
        try:
            self._corridor.analyse(study_instance_uid, steps)
        except (dbos_error.DBOSUnexpectedStepError, UnreadableValueError) as foreign:
            # The steps that are recorded are not those that would be done: begun anew by a sweep.
            _LOG.warning("study released study=%s reason=%r", study_instance_uid, str(foreign))
            self._corridor.completion.release(study_instance_uid, steps.workflow_id)
            raise
        except Exception as failure:
            # The outermost boundary of a workflow: whatever went wrong, the study must not look
            # as if it were still being worked on. The error itself goes on to the workflow store.
            cause = cause_of(failure)
            _LOG.error("analysis failed study=%s", study_instance_uid, exc_info=cause)
            steps.run(
                "abandon",
                self._corridor.giving_up.give_up,
                study_instance_uid,
                steps.workflow_id,
                f"internal error: {type(cause).__name__}",
            )
            raise
        finally:
            with self._lock:
                self._direct.discard(steps.workflow_id)
