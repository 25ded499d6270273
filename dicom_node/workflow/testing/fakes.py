"""Working stand-ins for the corridor's ports, in memory, for tests and trials."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt

from ai_engine.kinds.lungs.segmenter import LungFields
from ai_engine.prediction import (
    Code,
    Finding,
    HeatMap,
    ImagePrediction,
    ModelIdentity,
    Prediction,
    Region,
    Triage,
)
from dicom_node.domain.application_entity import ApplicationEntity
from dicom_node.domain.commitment import CommitmentRequest
from dicom_node.domain.evidence import Substitute
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.route import AppearanceCheck
from dicom_node.errors import NodeError
from dicom_node.workflow.delivery.ports import DestinationAwayError, Outcome, Sent
from dicom_node.workflow.ports import StepFailedError

P = ParamSpec("P")
R = TypeVar("R")

FAKE_MODEL = ModelIdentity(
    name="fake-model",
    version="1.0.0",
    weights_digest="0" * 64,
    title="A model that always says the same",
    manufacturer="nobody",
    research_only=True,
)


@dataclass(slots=True)
class FakeClock:
    """A clock that goes on only when it is told to."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time that was set."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


@dataclass(slots=True)
class InlineSteps:
    """Runs steps at once and notes their names; a second run is a new workflow."""

    workflow_id: str = "workflow-1"
    names: list[str] = field(default_factory=list)
    concluded: list[str] = field(default_factory=list)

    def run(self, name: str, step: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a step."""
        self.names.append(name)
        try:
            return step(*args, **kwargs)
        except NodeError:
            raise
        except Exception as cause:
            raise StepFailedError.of(name, cause) from cause

    def conclude(self, item_id: str) -> None:
        """Note a verdict to be made known."""
        self.concluded.append(item_id)


@dataclass(slots=True)
class RecordingStarter:
    """Notes which studies would be analysed, and when."""

    started: list[str] = field(default_factory=list)
    awaited: list[tuple[str, float]] = field(default_factory=list)

    def analyse_now(self, study_instance_uid: str) -> str:
        """Note a study to be analysed at once."""
        self.started.append(study_instance_uid)
        return f"now {len(self.started)}"

    def analyse_when_quiet(self, study_instance_uid: str, seconds: float) -> str:
        """Note a study to be analysed after a while."""
        self.awaited.append((study_instance_uid, seconds))
        return f"later {len(self.awaited)}"


@dataclass(slots=True)
class FakeModels:
    """A model that finds the same opacity everywhere, or fails with ``failure``."""

    failure: NodeError | None = None
    calls: int = 0
    looks: dict[str, AppearanceCheck] = field(default_factory=dict)
    abnormal: float | None = None

    def identity(self, model: str) -> ModelIdentity:
        """Return the fake model, whatever was asked for."""
        del model
        return FAKE_MODEL

    def look(self, instance: ReceivedInstance) -> AppearanceCheck:
        """Return what a test put into ``looks``, or that nothing is recognised."""
        return self.looks.get(instance.sop_instance_uid, AppearanceCheck(words="no frontal chest"))

    def triage(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> Triage | None:
        """Return ``abnormal`` as the probability for the first instance, if a test has set it."""
        if self.abnormal is None:
            return None
        return Triage(
            model=model,
            sop_instance_uid=instances[0].sop_instance_uid,
            probability=self.abnormal,
            threshold=0.5,
        )

    def predict(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> Prediction:
        """Return one positive finding on each instance."""
        self.calls += 1
        if self.failure is not None:
            raise self.failure
        images = tuple(
            ImagePrediction(
                sop_instance_uid=each.sop_instance_uid,
                findings=(_opacity(each.header.columns or 64, each.header.rows or 64),),
            )
            for each in instances
        )
        return Prediction(model=model, images=images)

    def lungs(self, instance: ReceivedInstance) -> LungFields | None:
        """Outline nothing: no lung model is active."""
        del instance
        return None

    def display_pixels(
        self, instance: ReceivedInstance, frame_number: int | None = None
    ) -> npt.NDArray[np.float32]:
        """Return a grey ramp of the instance's size."""
        del frame_number
        rows, columns = instance.header.rows or 64, instance.header.columns or 64
        ramp = np.linspace(0, 1, columns, dtype=np.float32)
        return np.tile(ramp, (rows, 1))

    def value_range(self, instance: ReceivedInstance) -> tuple[float, float]:
        """Return the range of a 12-bit image."""
        del instance
        return 0.0, 4095.0


@dataclass(slots=True)
class FakeSender:
    """Takes everything; while ``away`` says why, nobody answers.

    ``answers`` holds, by path, what becomes of an object at its next tries, one after the other;
    ``remarks`` what is said of it once it is stored.
    """

    away: str = ""
    answers: dict[str, list[Outcome]] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)
    probes: int = 0
    associations: int = 0
    sent: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def verify(self, destination: ApplicationEntity) -> None:
        """Answer a probe, or not."""
        self.probes += 1
        self._require_here(destination)

    @contextmanager
    def connect(self, destination: ApplicationEntity, paths: Sequence[str]) -> Iterator["FakeLine"]:
        """Open an association, or say why there is none."""
        assert paths  # noqa: S101 - nobody connects for nothing
        self._require_here(destination)
        self.associations += 1
        yield FakeLine(sender=self, destination=destination.title)

    def _require_here(self, destination: ApplicationEntity) -> None:
        if self.away:
            raise DestinationAwayError(f"{destination.title} {self.away}")


@dataclass(slots=True, kw_only=True)
class FakeProver:
    """Notes what it is asked; while ``away`` says why, it cannot be asked.

    ``there`` is what it finds, everything where that is None.
    """

    away: str = ""
    there: frozenset[str] | None = None
    requests: list[CommitmentRequest] = field(default_factory=list)
    looks: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)

    def ask(
        self,
        destination: ApplicationEntity,
        requests: Sequence[CommitmentRequest],
        asked: Callable[[CommitmentRequest], None],
    ) -> None:
        """Note requests."""
        self._require_here(destination)
        for each in requests:
            asked(each)
            self.requests.append(each)

    def found(
        self, destination: ApplicationEntity, study: str, series: Sequence[str]
    ) -> frozenset[str]:
        """Note what is looked for, and find what is there."""
        self._require_here(destination)
        self.looks.append((study, tuple(series)))
        return self.there if self.there is not None else _Everything()

    def _require_here(self, destination: ApplicationEntity) -> None:
        if self.away:
            raise DestinationAwayError(f"{destination.title} {self.away}")


class _Everything(frozenset[str]):
    def __contains__(self, _uid: object) -> bool:
        return True


@dataclass(slots=True, kw_only=True)
class FakeLine:
    """An association of the fake sender; it ends with the first object that is lost."""

    sender: FakeSender
    destination: str
    is_lost: bool = False

    def carries(self, paths: Sequence[str]) -> bool:
        """Carry everything for as long as it is there."""
        del paths
        return not self.is_lost

    def send(self, paths: Sequence[str]) -> tuple[Sent, ...]:
        """Note what was stored, and give the answers that were asked for."""
        sent = tuple(self._answer(path) for path in paths)
        stored = tuple(each.path for each in sent if each.outcome is Outcome.STORED)
        if stored:
            self.sender.sent.append((self.destination, stored))
        return sent

    def _answer(self, path: str) -> Sent:
        queue = self.sender.answers.get(path, [])
        outcome = Outcome.LOST if self.is_lost else queue.pop(0) if queue else Outcome.STORED
        self.is_lost = self.is_lost or outcome is Outcome.LOST
        remark = self.sender.remarks.get(path, "") if outcome is Outcome.STORED else ""
        return Sent(path=path, outcome=outcome, words=f"{path} {outcome.value}", remark=remark)


@dataclass(slots=True)
class FakeAcceptance:
    """Destinations that take every class but those in ``refused``."""

    refused: set[str] = field(default_factory=set)

    def accepted(
        self, destination: ApplicationEntity, sop_classes: Sequence[str]
    ) -> frozenset[str]:
        """Return what is not refused."""
        del destination
        return frozenset(sop_classes) - self.refused

    def learn(self, destination: ApplicationEntity, refused: frozenset[str]) -> bool:
        """Refuse these from now on; return whether that is news."""
        del destination
        is_news = not refused <= self.refused
        self.refused |= refused
        return is_news


@dataclass(slots=True)
class FakeSubstitutes:
    """Substitutes in memory."""

    kept: list[Substitute] = field(default_factory=list)

    def keep(self, substitutes: Sequence[Substitute]) -> None:
        """Keep them."""
        self.kept.extend(substitutes)

    def of_study(self, job_id: str, destination: str) -> tuple[Substitute, ...]:
        """Return those of a destination; there is one study."""
        del job_id
        return tuple(each for each in self.kept if each.destination == destination)


def _opacity(columns: int, rows: int) -> Finding:
    values = np.zeros((12, 12), np.float32)
    values[6:9, 2:5] = 1.0
    return Finding(
        label="opacity",
        title="Pulmonary opacity",
        code=Code(value="35241000119100", scheme="SCT", meaning="Pulmonary opacity"),
        site=Code(value="39607008", scheme="SCT", meaning="Lung structure"),
        probability=0.9,
        threshold=0.5,
        heat_map=HeatMap(values=values, region=Region(left=0, top=0, right=columns, bottom=rows)),
    )
