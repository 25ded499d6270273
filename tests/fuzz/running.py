"""Sends spoiled objects to real receivers, and has what they take analysed as the node does."""

import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import ModelIdentity, Prediction, Refusal
from ai_engine.preprocessing.radiograph import Radiograph
from dicom_node.domain.application_entity import ADMINISTERED_EVIDENCE, Role
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.route import Route
from dicom_node.domain.study import StudyState
from dicom_node.models.appearance import read_image
from dicom_node.network.events import InstanceReceived
from dicom_node.workflow.testing.fakes import FakeModels, InlineSteps
from sr_templates.evidence_kind import EvidenceKind
from tests.fuzz.seeds import CLASSES, SYNTAXES, Seed, seeds
from tests.fuzz.spoiling import Spoiler
from tests.peers import node
from tests.peers.node import MODALITY
from tests.peers.raw_scu import raw_scu
from tests.unit.builders import EPOCH, an_entity
from tests.unit.workflow.test_pipeline import Works

BATCH = 200
"""Objects over one association, each a study of its own."""
# Of a machine that has other things to do; who waits longer waits in vain.
_PATIENCE = 600.0
_ANY = Route(name="any", model="any", modalities=frozenset({"CR", "DX", "CT"}))
_ROOT_UID = "1.2.826.0.1.3680043.9"
_SOP_INSTANCE, _STUDY = b"\x08\0\x18\0", b"\x20\0\x0d\0"
_ENDED = frozenset(StudyState) - {StudyState.RECEIVING, StudyState.COMPLETE}


@dataclass(slots=True)
class Tally:
    """What became of spoiled objects; ``escapes`` are the seeds of what should not have happened.

    ``statuses`` counts the answers to C-STORE; ``states`` how analyses ended; ``slowest`` is the
    longest one, in seconds, and its object; ``untold`` are those of which no report goes out.
    """

    sent: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    escapes: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")

    @property
    def peak_mebibytes(self) -> int:
        """The most memory that this process has had."""
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


class ReadingModels(FakeModels):
    """Opens each image as a model of radiographs does, and finds the same in every one."""

    def __init__(self, root: Path) -> None:
        super().__init__()
        self._root = root

    def predict(self, model: ModelIdentity, instances: Sequence[ReceivedInstance]) -> Prediction:
        """Refuse what cannot be read."""
        refusals = tuple(self._refusals(instances))
        refused = {each.sop_instance_uid for each in refusals}
        rest = [each for each in instances if each.sop_instance_uid not in refused]
        found = FakeModels.predict(self, model, rest)
        return replace(found, refusals=refusals)

    def display_pixels(
        self, instance: ReceivedInstance, frame_number: int | None = None
    ) -> npt.NDArray[np.float32]:
        """Return what the file shows."""
        del frame_number
        return self._read(instance).pixels

    def value_range(self, instance: ReceivedInstance) -> tuple[float, float]:
        """Return what shows it well."""
        return self._read(instance).value_range

    def _refusals(self, instances: Sequence[ReceivedInstance]) -> Iterator[Refusal]:
        for each in instances:
            try:
                self._read(each)
            except ImageRefusedError as error:
                uid = each.sop_instance_uid
                yield Refusal(sop_instance_uid=uid, reason=error.reason, detail=error.detail)

    def _read(self, instance: ReceivedInstance) -> Radiograph:
        return read_image(self._root / instance.path)


def fuzz(
    folder: Path,
    engine: sa.Engine,
    *,
    count: int,
    first_seed: int,
    told: Callable[[Tally], None] = lambda _tally: None,
) -> Tally:
    """Send ``count`` spoiled objects and work on each that is taken.

    Parameters
    ----------
    folder
        An empty folder, for the archives.
    engine
        An empty database with the node's tables.
    first_seed
        Of the first object; each further one has the next.
    told
        Called after each batch.
    """
    works, tally, sound = _works(engine, folder), Tally(), seeds()
    with node.reception(folder / "received") as running:
        for begin in range(first_seed, first_seed + count, BATCH):
            batch = range(begin, min(begin + BATCH, first_seed + count))
            _send(running, batch, sound, tally)
            taken = [each.instance for each in running.recorder.of(InstanceReceived)]
            for each in taken:
                _work(works, each, tally)
            running.forget()
            told(tally)
    return tally


def _works(engine: sa.Engine, folder: Path) -> Works:
    """A corridor whose model opens the images; everything but the model is real."""
    works = Works(engine, folder)
    works.clock.now = datetime.now(UTC) + timedelta(days=1)  # whatever arrives is complete
    works.ae_titles.put(
        an_entity(MODALITY, quiet_period=0, destinations=("PACS",)), actor="fuzz", at=EPOCH
    )
    works.ae_titles.put(
        an_entity("PACS", roles=frozenset({Role.PACS}), evidence=ADMINISTERED_EVIDENCE),
        actor="fuzz",
        at=EPOCH,
    )
    works.look_with(ReadingModels(folder / "received"))
    routing: Any = works.corridor.routing
    routing._routes = lambda: (_ANY,)
    return works


def _send(running: node.Reception, batch: range, sound: Sequence[Seed], tally: Tally) -> None:
    pairs = tuple(product(CLASSES, SYNTAXES))
    with raw_scu(running.peer, MODALITY, pairs, _PATIENCE) as scu:
        for number in batch:
            seed = sound[number % len(sound)]
            uid = f"{_ROOT_UID}.1.{number}"
            named = {_SOP_INSTANCE: uid, _STUDY: f"{_ROOT_UID}.2.{number}"}
            elements = [
                each.holding(named[each.tag].encode()) if each.tag in named else each
                for each in seed.elements
            ]
            data = Spoiler(number).spoiled(elements)
            status, _ = scu.store(
                data,
                sop_class=seed.sop_class_uid,
                sop_instance=uid,
                syntax=seed.transfer_syntax_uid,
            )
            tally.sent += 1
            tally.statuses[status] += 1


def _work(works: Works, instance: ReceivedInstance, tally: Tally) -> None:
    """Analyse the study of one object; whatever is raised has escaped."""
    study, begun = instance.study_instance_uid, time.perf_counter()
    try:
        works.index.record([instance])
        works.corridor.analyse(study, InlineSteps(workflow_id=study))
        state = works.index.study(study).state
    except BaseException as error:  # noqa: BLE001 - this is what is looked for
        tally.escapes.append(f"{instance.sop_instance_uid}: {type(error).__name__}: {error}")
        return
    seconds = time.perf_counter() - begun
    tally.states[state.value] += 1
    tally.slowest = max(tally.slowest, (seconds, instance.sop_instance_uid))
    if state not in _ENDED or not _is_told(works, study):
        tally.untold.append(f"{instance.sop_instance_uid}: {works.index.study(study).reason}")


def _is_told(works: Works, study: str) -> bool:
    """Whether a report of the study, a result or why there is none, is on its way."""
    return any(
        each.kind is EvidenceKind.SR and not each.is_held
        for each in works.hotbase.evidence_of_study(study)
    )
