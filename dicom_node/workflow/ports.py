"""What the corridor needs from outside, as Protocols. ``node`` plugs in the real ones."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from ai_engine.calibration.device import DeviceCalibration
from ai_engine.prediction import ModelIdentity, Triage
from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.calibration import CalibrationUse, CalibrationVersion
from dicom_node.domain.delivery import Delivery, DeliveryState
from dicom_node.domain.evidence import EvidenceObject, EvidenceSet, LeftOut, Substitute
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job, JobState
from dicom_node.domain.mended import MendedElements
from dicom_node.domain.observation import Observation, Suspension
from dicom_node.domain.patient import PatientDecision
from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.route import AppearanceCheck
from dicom_node.domain.study import StoredStudy, StudyRecord, StudyState
from dicom_node.errors import NodeError

if TYPE_CHECKING:
    from pydicom import Dataset

    from ai_engine.result import Result

P = ParamSpec("P")
R = TypeVar("R")


class Clock(Protocol):
    """Tells the time."""

    def __call__(self) -> datetime:
        """Return the present moment, aware."""


class UnforeseenError(Exception):
    """Stands for an error of another package that was raised in an earlier run; its words are gone.

    ``kind`` is the name of its class.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class StepFailedError(NodeError):
    """A step raised what nobody expected, as often as it was tried; the cause goes with it."""

    @classmethod
    def of(cls, step: str, cause: BaseException) -> "StepFailedError":
        """Name the kind of the cause, not its words: these may hold values of a header."""
        kind = cause.kind if isinstance(cause, UnforeseenError) else type(cause).__name__
        return cls(
            f"internal error in step {step!r} ({kind}): the node's log has the "
            "trace; dicom-node retry tries again"
        )


class DurableSteps(Protocol):
    """Runs the steps of one workflow so that each is done once, crash or not."""

    @property
    def workflow_id(self) -> str:
        """The workflow that is running."""

    def run(self, name: str, step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what ``step`` returned, now or before a crash.

        Raises
        ------
        NodeError
            What the step raised on purpose, or StepFailedError for anything else.
        """

    def conclude(self, item_id: str) -> None:
        """Start making a verdict known beside this workflow, now."""


class StudyStarter(Protocol):
    """Starts the analysis of studies."""

    def analyse_now(self, study_instance_uid: str) -> str:
        """Start at once; return the workflow."""

    def analyse_when_quiet(self, study_instance_uid: str, seconds: float) -> str:
        """Start ``seconds`` after the last time this was called; return the workflow."""


class Expected(Protocol):
    """Studies whose transfer was seen to end: which of them a workflow will still look at."""

    def announce(self, study_instance_uid: str) -> None:
        """Note that a workflow is about to be started for a study."""

    def add(self, study_instance_uid: str, workflow_id: str) -> None:
        """Note which workflow was."""

    def discard(self, study_instance_uid: str) -> None:
        """Note that one has looked."""

    def waiting(self, studies: Sequence[str]) -> frozenset[str]:
        """Return which of these studies one will still look at."""


class Life(Enum):
    """Whether a workflow goes on."""

    ALIVE = "alive"
    ENDED = "ended"
    LEFT = "left"  # by another version of the node: this one never runs it


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of a workflow, and the error that it ended in, if any."""

    life: Life
    error: str = ""


class Workflows(Protocol):
    """The workflows that rows name."""

    def fates(self, workflow_ids: Sequence[str]) -> Mapping[str, Fate]:
        """Return what became of these workflows; one that was never begun is left out."""

    def cancel(self, workflow_ids: Sequence[str]) -> None:
        """See to it that these workflows are never run again, by whatever version."""


class StudyStore(Protocol):
    """The index of studies and instances."""

    def record(
        self, instances: Sequence[ReceivedInstance], *, sender: str | None = None
    ) -> frozenset[str]:
        """Commit instances; return the studies that have new ones, whose sender may be given."""

    def claim(self, study_instance_uid: str, *, by: str, at: datetime) -> StoredStudy | None:
        """Freeze the next revision of a study for one workflow."""

    def finish(self, study: StoredStudy, state: StudyState, reason: str = "") -> None:
        """Record how a revision's analysis ended."""

    def claims(self, limit: int = 1000) -> dict[str, str]:
        """Return the studies that are being analysed, each with the workflow that does it."""

    def workflow_of(self, study_instance_uid: str) -> str:
        """Return the workflow that claimed a study last; empty where none has."""

    def give_up(self, study_instance_uid: str, state: StudyState, *, by: str, reason: str) -> bool:
        """End the analysis that a workflow had claimed; return whether there was one."""

    def study(self, study_instance_uid: str) -> StudyRecord:
        """Return one study's row."""

    def instances(self, study_instance_uid: str) -> tuple[ReceivedInstance, ...]:
        """Return a study's instances."""

    def adopt(self, study_instance_uid: str, *, sender: str) -> None:
        """Let a study that was fetched as a prior be received, as if ``sender`` had sent it."""

    def reopen(self, study_instance_uid: str) -> int | None:
        """Let a study be analysed once more."""

    def receiving(self, limit: int = 1000) -> tuple[StudyRecord, ...]:
        """Return the studies of which more may arrive."""

    def date_back(self, study_instance_uid: str, *, to: datetime) -> None:
        """Take a moment for the last arrival that a clock had put later, which was ahead then."""

    def interrupted(self, study_instance_uid: str, end: AssociationEnd, *, sender: str) -> None:
        """Note that a transfer of a study broke off, and whose it was."""

    def left_unseen(self, study_instance_uid: str, end: AssociationEnd, *, sender: str) -> None:
        """Note that nobody saw how a transfer ended, unless somebody has claimed the study."""

    def resumed(self, study_instance_uid: str, *, sender: str) -> None:
        """Note that a sender whose transfer had broken off has come back and finished."""


class ResultStore(Protocol):
    """The Hotbase."""

    def add_job(self, job: Job, *, at: datetime) -> JobState:
        """Record a job if it is new; return its state."""

    def finish_job(self, job_id: str, state: JobState, *, at: datetime, reason: str = "") -> None:
        """Move a job to a state."""

    def failures(self, job_ids: Sequence[str]) -> tuple[str, ...]:
        """Say why jobs failed, those of these that did."""

    def own_objects(self, sop_instance_uids: Sequence[str]) -> dict[str, str]:
        """Return which of these objects the node made, each with its job."""

    def job_instances(self, job_id: str) -> tuple[str, tuple[str, ...]]:
        """Return the study of a job, and the SOP Instance UIDs that it is about."""

    def refusals(self, job_id: str) -> tuple[dict[str, Any], ...]:
        """Return the images that a job's result calls not analysed, as rows."""

    def remarks(self, job_id: str) -> tuple[dict[str, Any], ...]:
        """Return what must be known of how a job's result came about, as rows."""

    def predecessors(self, job: Job) -> tuple[str, ...]:
        """Return the jobs whose results this job's results supersede, newest first."""

    def finished_before(self, job: Job, model_name: str) -> tuple[str, ...]:
        """Return the finished jobs of a model on a job's study but itself, newest first."""

    def keep_prediction(self, job_id: str, prediction: "Result", *, at: datetime) -> None:
        """Record what a model said."""

    def prediction(self, job_id: str) -> "Result | None":
        """Return what a model said, where it is still kept as a whole and can be read."""

    def forget_predictions(self, before: datetime) -> int:
        """Keep only the figures of what models said before a moment; return of how many jobs."""

    def keep_evidence(self, objects: Sequence[EvidenceObject]) -> None:
        """Record result objects."""

    def withdraw(self, sop_instance_uids: Sequence[str]) -> None:
        """Forget objects that are held and in whose place others were made."""

    def evidence(
        self, job_id: str, evidence_set: EvidenceSet = EvidenceSet.RESULT
    ) -> tuple[EvidenceObject, ...]:
        """Return the objects of one of a job's evidence sets."""

    def evidence_sets(self, job_id: str) -> frozenset[EvidenceSet]:
        """Return which of its evidence sets a job has objects of."""

    def evidence_object(self, sop_instance_uid: str) -> tuple[EvidenceObject, str] | None:
        """Return one result object with its study, or None."""

    def leave_out(self, left_out: LeftOut) -> None:
        """Record that a job has no evidence of some kind, and why."""

    def held(self, study_instance_uid: str = "") -> tuple[tuple[EvidenceObject, str], ...]:
        """Return what the gate keeps back, each object with its study."""

    def reopen_job(self, job_id: str) -> None:
        """Let a job be done once more."""


class DeliveryLedger(Protocol):
    """The deliveries: rows that are the queue."""

    def plan(
        self,
        job_id: str,
        destination: str,
        *,
        at: datetime,
        urgent: bool = False,
        evidence_set: EvidenceSet = EvidenceSet.RESULT,
    ) -> Delivery:
        """Record that an evidence set of a job's evidence goes to a destination."""

    def get(self, delivery_id: str) -> Delivery:
        """Return one delivery."""

    def of_job(self, job_id: str) -> tuple[Delivery, ...]:
        """Return the deliveries of one job."""

    def reopen(self, job_id: str, evidence_set: EvidenceSet) -> None:
        """Let an evidence set be sent once more, because an object was added to it."""

    def destinations(self) -> tuple[str, ...]:
        """Return the destinations for which something waits, to be sent or to be proven."""

    def due(
        self, destination: str, now: datetime, *, longest_wait: timedelta, limit: int
    ) -> tuple[Delivery, ...]:
        """Return what is to be sent to a destination now: urgent first, then oldest first."""

    def next_due(self, destination: str) -> datetime | None:
        """Return when the next try is due of what waits for a destination."""

    def move(
        self,
        delivery_id: str,
        state: DeliveryState,
        *,
        at: datetime,
        stored: Sequence[str] = (),
        error: str = "",
        not_before: datetime | None = None,
    ) -> None:
        """Record the outcome of one try, and what the destination has by now."""

    def hold(self, destination: str, error: str, *, at: datetime) -> int:
        """Note that a destination is down, and why; return how many deliveries wait for it."""

    def back(self, destination: str) -> None:
        """Note that a destination is no longer down: everything that waits for it is due."""

    def age(self, destination: str, seconds: float, *, give_up_after: timedelta) -> int:
        """Count the time for which deliveries were tried; return how many were given up."""


class PatientDecisions(Protocol):
    """Whose studies are that name several patients."""

    def of_study(self, study_instance_uid: str) -> PatientDecision | None:
        """Return what a person has decided on a study, or None."""


class DeviceLedger(Protocol):
    """What was observed of each device, and which models are suspended for it."""

    def observe(self, observations: Sequence[Observation]) -> None:
        """Keep the observations of one job."""

    def suspension(self, device_id: str, model_name: str) -> Suspension | None:
        """Return why a model may not look at a device's images, or None."""


class Observations(Protocol):
    """What was observed of each device, to be read."""

    def observations(
        self,
        device_id: str,
        model_name: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Observation]:
        """Yield a device's observations, oldest first."""

    def devices(self, model_name: str) -> tuple[str, ...]:
        """Return the devices whose images a model has seen."""

    def suspension(self, device_id: str, model_name: str) -> Suspension | None:
        """Return why a model may not look at a device's images, or None."""

    def suspend(self, suspension: Suspension) -> None:
        """Let a model look at no more images of a device."""

    def resumed_at(self, device_id: str, model_name: str) -> datetime | None:
        """Return when a suspension of a model for a device was last lifted, or None."""


class CalibrationKeeper(Protocol):
    """The calibrations of devices."""

    def own(self, device_id: str, model: ModelIdentity) -> CalibrationVersion | None:
        """Return the version that a device itself uses, or None."""

    def versions(self, device_id: str, model: ModelIdentity) -> tuple[CalibrationVersion, ...]:
        """Return a device's versions, oldest first."""

    def history(self, device_id: str, model: ModelIdentity) -> tuple[CalibrationUse, ...]:
        """Return which version was in use from when on, oldest first."""

    def add(
        self, calibration: DeviceCalibration, model: ModelIdentity, *, actor: str
    ) -> CalibrationVersion:
        """Keep a calibration as the next version, and use it from now on."""

    def open_again(self, device_id: str, model: ModelIdentity, *, at: datetime, why: str) -> bool:
        """Note that a device has changed: what is in use stays, cases from ``at`` on count."""


class AeTitles(Protocol):
    """The administered AE titles."""

    def find(self, title: str) -> ApplicationEntity | None:
        """Return one entry, or None."""

    def get(self, title: str) -> ApplicationEntity:
        """Return one entry, or raise NotFoundError."""


class ObjectArchive(Protocol):
    """Part 10 files: what was received, and the evidence made of it."""

    def source(self, path: str) -> "Dataset":
        """Return a received object's data set without its pixel data."""

    def mended(self, path: str) -> MendedElements:
        """Return which elements of a received object were not read as they state."""

    def evidence(self, path: str) -> "Dataset":
        """Return a result object's data set without its pixel data."""

    def whole_evidence(self, path: str) -> "Dataset":
        """Return a result object's data set with everything in it."""

    def keep(self, dataset: "Dataset") -> str:
        """Store a result object durably; return its path."""


class Models(Protocol):
    """The models that routes may name."""

    def identity(self, model: str) -> ModelIdentity:
        """Return which version of a model is active."""

    def look(self, instance: ReceivedInstance) -> AppearanceCheck:
        """Say what the pixels of an instance show, whose tags are missing or doubtful."""

    def triage(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> Triage | None:
        """Say how probably images that ``model`` will look at are not normal; None: nothing can."""

    def predict(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> "Result":
        """Run a model on instances of the archive."""


class Substitutes(Protocol):
    """What destinations got in the place of result objects."""

    def keep(self, substitutes: Sequence[Substitute]) -> None:
        """Record substitutes."""

    def of_study(self, job_id: str, destination: str) -> tuple[Substitute, ...]:
        """Return what a destination got instead of objects of a job's study, oldest first."""


class Acceptance(Protocol):
    """Which SOP Classes a destination takes."""

    def accepted(
        self, destination: ApplicationEntity, sop_classes: Sequence[str]
    ) -> frozenset[str]:
        """Return which of these it takes, or raise DestinationAwayError."""

    def learn(self, destination: ApplicationEntity, refused: frozenset[str]) -> bool:
        """Take note of classes that it does not take after all; return whether that is news."""
