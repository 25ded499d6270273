"""The models and the making of evidence as the corridor sees them: done by workers."""

import functools
import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Concatenate as With
from typing import ParamSpec, TypeVar

from ai_engine.kinds.registry import Part
from ai_engine.prediction import ModelIdentity, Triage
from ai_engine.result import Result
from dicom_node.configuration.work import WorkerSettings
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.route import AppearanceCheck
from dicom_node.errors import NodeError
from dicom_node.isolation.attempts import AttemptStore, Counted, Here
from dicom_node.isolation.lane import LaneSetup
from dicom_node.isolation.lanes import Lanes
from dicom_node.isolation.worker import Limits
from dicom_node.models.calibrations import Calibrations, calibrations_of
from dicom_node.models.cards import ModelCards
from dicom_node.models.seen import Seen, sight_of
from dicom_node.node.analyst import TOOLS, Analyst, AnalystSetup
from dicom_node.workflow.analysis.evidence_order import EvidenceOrder, MadeEvidence

_LOG = logging.getLogger(__name__)

WORKERS_NEED = (TOOLS, "scipy.sparse")
"""Modules that workers run; their parent imports them, once for all (`isolation.parent`)."""

P = ParamSpec("P")
R = TypeVar("R")


class Workers:
    """The workers of a node, or the node itself where none are wanted."""

    def __init__(self, setup: AnalystSetup, models: tuple[str, ...], *, works: bool = True) -> None:
        """Prepare; ``models`` are those that each worker loads at its start.

        On a host that doesn't work there are none.
        """
        wanted = setup.settings.workers
        self._deadline = wanted.deadline + wanted.deadline_per_object
        self._lanes = (
            Lanes(
                _lane_setup(setup, models, wanted),
                count=wanted.count,
                relief=wanted.relief_after or None,
            )
            if wanted.count and works
            else None
        )
        self.runner = self._lanes or Here(setup)

    def start(self) -> None:
        """Start them; whoever has work waits for the first that is ready."""
        if self._lanes:
            self._lanes.start()

    def stop(self) -> None:
        """End them."""
        if self._lanes:
            self._lanes.stop()

    def have_started(self) -> bool:
        """Whether one has been ready: the others follow, and one that dies is replaced."""
        return self._lanes is None or bool(self._lanes.warmed())

    def unloaded(self) -> dict[str, str]:
        """Return which models a worker could not load, and why."""
        said = self._lanes.warmed() if self._lanes else ()
        return {name: why for each in said for name, why in each.items()}

    def down(self) -> int:
        """Return how many do not run and could not be started again."""
        return self._lanes.down() if self._lanes else 0

    def pack(self, source: Path, target: Path, transfer_syntax_uid: str) -> bool:
        """Have an object compressed for its way by a worker that is free; False where it is not."""
        if self._lanes is None:
            return False
        try:
            packed = self._lanes.spare(
                str(source), self._deadline, Analyst.pack, source, target, transfer_syntax_uid
            )
        except (NodeError, SystemExit) as error:  # packed here then, which says what is wrong
            _LOG.warning("not packed by a worker reason=%r", str(error))
            return False
        return bool(packed)

    def pids(self) -> tuple[int, ...]:
        """Return their process ids."""
        return self._lanes.pids() if self._lanes else ()

    def deaths(self) -> int:
        """Return how many have died since the start."""
        return self._lanes.deaths() if self._lanes else 0


class Isolated:
    """Runs models and makes evidence in workers: one bad object costs one study."""

    def __init__(
        self,
        workers: Workers,
        attempts: AttemptStore,
        *,
        settings: WorkerSettings,
        cards: ModelCards,
        calibrations: Calibrations,
        timed: Callable[[str, str], AbstractContextManager[None]] = lambda _name, _version: (
            nullcontext()
        ),
    ) -> None:
        """Keep the parts; ``timed`` measures a model's work, by its name and version."""
        self._counted = Counted(workers.runner, attempts)
        self._settings = settings
        self._cards = cards
        self._calibrations = calibrations
        self._timed = timed
        self._seen = Seen()

    def identity(self, model: str) -> ModelIdentity:
        """Return which version of ``model`` is active now."""
        return self._cards.identity(model)

    def look(self, instance: ReceivedInstance) -> AppearanceCheck:
        """Say what the pixels of an instance show, whose tags are missing or doubtful."""
        return self._run((instance,), Analyst.look, instance)

    def triage(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> Triage | None:
        """Say how probably images that ``model`` will look at are not normal."""
        if self._cards.active_with(Part.TRIAGE) is None:
            return None
        return self._run(instances, Analyst.triage, model, tuple(instances))

    def wants_priors(self, model: ModelIdentity) -> bool:
        """Whether a model is given images of the patient's earlier studies."""
        program = self._cards.card(model).program
        return program is not None and program.priors

    def predict(
        self,
        model: ModelIdentity,
        instances: Sequence[ReceivedInstance],
        priors: Sequence[ReceivedInstance] = (),
    ) -> Result:
        """Run a model on instances of the archive; ``priors`` are for one that wants them."""
        chosen = calibrations_of(instances, model, self._calibrations)
        card = self._cards.card(model)
        patience = card.patience(len(instances))
        with self._timed(model.name, model.version):
            if len(instances) == 1 and not priors:
                sight = sight_of(model, card, self._cards.versions, instances, chosen)
                seen = self._seen.take(instances[0].study_instance_uid, sight)
                if seen is not None:
                    return seen
            return self._run_for(
                patience,
                instances,
                Analyst.predict,
                model,
                tuple(instances),
                chosen,
                tuple(priors),
            )

    def look_ahead(self, model: ModelIdentity, instance: ReceivedInstance) -> None:
        """Have a worker that is free look at an image for which ``model`` may be asked.

        What it finds is there when `predict` is asked for that image alone, and the image is
        decoded there and its lungs are outlined in any case. A worker that dies of it counts as an
        attempt.

        A model that runs elsewhere is not asked ahead: a worker would wait for it while others wait
        for the worker, and images would leave the node of which no job says that they may.
        """
        if self._cards.card(model).patience(1) or self._seen.are_enough:
            return
        chosen = calibrations_of((instance,), model, self._calibrations)
        seconds = self._settings.deadline + self._settings.deadline_per_object
        study = instance.study_instance_uid
        with self._seen.looking(study):
            looked = self._counted.spare(
                study, seconds, Analyst.look_ahead, model, instance, chosen
            )
            if looked is not None:
                self._seen.keep(looked)

    def make(self, order: EvidenceOrder) -> MadeEvidence:
        """Build, check and keep the evidence of a job."""
        return self._run(order.instances, Analyst.make, order)

    def _run(
        self,
        instances: Sequence[ReceivedInstance],
        method: Callable[With[Analyst, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        return self._run_for(0.0, instances, method, *args, **kwargs)

    def _run_for(
        self,
        further: float,
        instances: Sequence[ReceivedInstance],
        method: Callable[With[Analyst, P], R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Run with further seconds, for what the worker itself waits for elsewhere."""
        allowed = self._settings.deadline + self._settings.deadline_per_object * len(instances)
        seconds = allowed + further
        study = instances[0].study_instance_uid if instances else ""
        return self._counted.run(study, seconds, method, *args, **kwargs)


def _lane_setup(
    setup: AnalystSetup, models: tuple[str, ...], wanted: WorkerSettings
) -> LaneSetup[Analyst]:
    return LaneSetup(
        make_desk=setup,
        warm=functools.partial(_load, models=models),
        prepare=setup.prepare,
        limits=Limits(memory_bytes=wanted.memory_bytes),
        tools=WORKERS_NEED,
    )


def _load(analyst: Analyst, models: tuple[str, ...]) -> dict[str, str]:
    return analyst.load(models)
