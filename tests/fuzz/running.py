"""Sends spoiled objects to real receivers, and has what they take analysed as the node does.

Every object takes the way of reception, routing, decoding and reporting. What would cost hours is
done for a share of them: one in eight is a study of its own (the others come eight to a study, of
one patient), one batch in thirty-two has every kind of evidence made (the others reports and
overlays), and one object in five hundred is a chest that the shipped models look at; for the others
a model stands in that opens each image and finds the same in all.
"""

import resource
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import ModelIdentity, Prediction, Refusal
from ai_engine.preprocessing.radiograph import Radiograph
from dicom_node.archive.storage import ArchiveSettings
from dicom_node.configuration.settings import NodeSettings
from dicom_node.domain.application_entity import ADMINISTERED_EVIDENCE, Role
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.route import Route
from dicom_node.domain.study import StudyState
from dicom_node.models.appearance import read_image
from dicom_node.models.host import ModelHost
from dicom_node.network.events import InstanceReceived
from dicom_node.workflow.testing.fakes import FakeModels, InlineSteps
from sr_templates.evidence_kind import EvidenceKind
from tests.fuzz.seeds import CLASSES, SYNTAXES, Seed, chests, seeds
from tests.fuzz.spoiling import PATIENT, Spoiler
from tests.peers import node
from tests.peers.node import MODALITY, Reception
from tests.peers.raw_scu import raw_scu
from tests.unit.builders import EPOCH, an_entity
from tests.unit.workflow.test_pipeline import Works

BATCH = 256
"""Objects over one association."""
_TOGETHER, _ALONE_OF = 8, 8
_EVERY_KIND_OF = 32
_CHEST_OF = 500
_MODEL = "chest-radiograph"
_CONFIG = Path(__file__).parents[2] / "config"
# Converted once for all runs: they are named by their digests.
_CONVERTED = Path(tempfile.gettempdir()) / "dicom-node-fuzz-models"
# Of a machine that has other things to do; who waits longer waits in vain.
_PATIENCE = 600.0
_ANY = Route(name="any", model="any", modalities=frozenset({"CR", "DX", "CT"}))
_CHEST = Route(name="chest", model=_MODEL, modalities=frozenset({"CR", "DX"}), pixels_decide=True)
_ROOT_UID = "1.2.826.0.1.3680043.9"
_SOP_INSTANCE, _STUDY, _PATIENT = b"\x08\0\x18\0", b"\x20\0\x0d\0", b"\x10\0\x20\0"
_FEW_KINDS = (EvidenceKind.SR, EvidenceKind.SC)
_ENDED = frozenset(StudyState) - {StudyState.RECEIVING, StudyState.COMPLETE}


@dataclass(slots=True)
class Tally:
    """What became of spoiled objects; ``escapes`` are the seeds of what should not have happened.

    ``statuses`` counts the answers to C-STORE; ``states`` how analyses ended; ``slowest`` is the
    longest one, in seconds, and its study; ``untold`` are those of which no report goes out.
    ``decoded`` counts images that were shown to a model, ``evidence`` what was made, by kind.
    """

    sent: int = 0
    chests: int = 0
    decoded: int = 0
    peak_mebibytes: int = 0
    seconds: float = 0.0
    evidence: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    escapes: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)
    slowest: tuple[float, str] = (0.0, "")

    def add(self, other: "Tally") -> None:
        """Count in what another process has seen."""
        self.sent += other.sent
        self.chests += other.chests
        self.decoded += other.decoded
        self.seconds += other.seconds
        self.evidence += other.evidence
        self.statuses += other.statuses
        self.states += other.states
        self.escapes += other.escapes
        self.untold += other.untold
        self.slowest = max(self.slowest, other.slowest)
        self.peak_mebibytes = max(self.peak_mebibytes, other.peak_mebibytes)

    def look_at_self(self) -> None:
        """Note processor time and most memory of this process and of those it started."""
        own = resource.getrusage(resource.RUSAGE_SELF)
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.peak_mebibytes = own.ru_maxrss >> 10
        self.seconds = sum(each.ru_utime + each.ru_stime for each in (own, children))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Stand:
    """What the objects go through: a corridor, and the same one with the shipped models."""

    reception: Reception
    works: Works
    shipped: Works
    folder: Path
    small: tuple[Seed, ...] = field(default_factory=seeds)
    chests: tuple[Seed, ...] = field(default_factory=chests)

    def clear(self) -> None:
        """Empty the archives: what was made of a batch is looked at when it is done."""
        self.reception.forget()
        for entry in (self.folder / "evidence").iterdir():
            if not entry.name.startswith("."):
                shutil.rmtree(entry)

    def want(self, kinds: Sequence[EvidenceKind]) -> None:
        """Have the PACS want these kinds of evidence."""
        pacs = an_entity("PACS", roles=frozenset({Role.PACS}), evidence=tuple(kinds))
        self.works.ae_titles.put(pacs, actor="fuzz", at=EPOCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lot:
    """One object's seed, and the study that it comes with."""

    number: int
    study: int
    is_alone: bool

    @property
    def is_chest(self) -> bool:
        """Whether the shipped models look at it."""
        return self.number % _CHEST_OF == _CHEST_OF - 1

    @property
    def study_uid(self) -> str:
        """Its Study Instance UID."""
        return f"{_ROOT_UID}.2.{self.study}"

    def encoded(self, stand: Stand) -> tuple[Seed, bytes]:
        """Spoil one of the sound objects, named after its number."""
        sound = stand.chests if self.is_chest else stand.small
        seed = sound[self.number % len(sound)]
        named = {
            _SOP_INSTANCE: f"{_ROOT_UID}.1.{self.number}",
            _STUDY: self.study_uid,
            _PATIENT: f"FUZZ{self.study}",
        }
        elements = [
            each.holding(named[each.tag].encode()) if each.tag in named else each
            for each in seed.elements
        ]
        kept = frozenset[bytes]() if self.is_alone else PATIENT
        return seed, Spoiler(self.number, kept).spoiled(elements)


def fuzz(
    folder: Path,
    engine: sa.Engine,
    *,
    batches: Iterable[range],
    told: Callable[[Tally], None] = lambda _tally: None,
) -> Tally:
    """Send spoiled objects and work on each that is taken.

    Parameters
    ----------
    folder
        An empty folder, for the archives.
    engine
        An empty database with the node's tables.
    batches
        The seeds of the objects of each association.
    told
        Called after each batch.
    """
    tally = Tally()
    with _stand(engine, folder) as stand:
        for batch in batches:
            every = batch.start // BATCH % _EVERY_KIND_OF == 0
            stand.want(ADMINISTERED_EVIDENCE if every else _FEW_KINDS)
            _send(stand, _lots(batch), tally)
            taken = [each.instance for each in stand.reception.recorder.of(InstanceReceived)]
            by_study = sorted(taken, key=lambda each: each.study_instance_uid)
            for _, instances in groupby(by_study, key=lambda each: each.study_instance_uid):
                _work(stand, list(instances), tally)
            stand.clear()
            tally.look_at_self()
            told(tally)
    tally.look_at_self()
    return tally


@contextmanager
def _stand(engine: sa.Engine, folder: Path) -> Iterator[Stand]:
    """Everything but the model that stands in is real; nothing is made to survive a power cut."""

    def hasty(root: Path) -> ArchiveSettings:
        return ArchiveSettings(root=root, durable=False)

    works = _works(engine, folder, _ANY)
    works.look_with(ReadingModels(folder / "received"))
    shipped = _works(engine, folder, _CHEST)
    settings = NodeSettings(data_dir=folder)
    _CONVERTED.mkdir(exist_ok=True)
    settings.cache_dir.symlink_to(_CONVERTED)
    shipped.look_with(ModelHost(settings, _CONFIG, shipped.objects))
    works.ae_titles.put(
        an_entity(MODALITY, quiet_period=0, destinations=("PACS",)), actor="fuzz", at=EPOCH
    )
    with node.reception(folder / "received", archive=hasty) as running:
        yield Stand(reception=running, works=works, shipped=shipped, folder=folder)


def _works(engine: sa.Engine, folder: Path, route: Route) -> Works:
    works = Works(engine, folder)
    works.clock.now = datetime.now(UTC) + timedelta(days=1)  # whatever arrives is complete
    routing: Any = works.corridor.routing
    routing._routes = lambda: (route,)
    return works


def _lots(batch: range) -> list[_Lot]:
    """Say which objects of a batch come together."""
    lots = []
    for place, number in enumerate(batch):
        group = place // _TOGETHER
        first = batch[group * _TOGETHER]
        alone = group % _ALONE_OF == 0 or number % _CHEST_OF == _CHEST_OF - 1
        lots.append(_Lot(number=number, study=number if alone else first, is_alone=alone))
    return lots


def _send(stand: Stand, lots: Sequence[_Lot], tally: Tally) -> None:
    pairs = tuple(product(CLASSES, SYNTAXES))
    with raw_scu(stand.reception.peer, MODALITY, pairs, _PATIENCE) as scu:
        for lot in lots:
            seed, data = lot.encoded(stand)
            status, _ = scu.store(
                data,
                sop_class=seed.sop_class_uid,
                sop_instance=f"{_ROOT_UID}.1.{lot.number}",
                syntax=seed.transfer_syntax_uid,
            )
            tally.sent += 1
            tally.chests += lot.is_chest
            tally.statuses[status] += 1


def _work(stand: Stand, instances: Sequence[ReceivedInstance], tally: Tally) -> None:
    """Analyse a study; whatever is raised has escaped."""
    study, begun = instances[0].study_instance_uid, time.perf_counter()
    numbers = sorted(int(each.sop_instance_uid.rpartition(".")[2]) for each in instances)
    is_chest = len(numbers) == 1 and numbers[0] % _CHEST_OF == _CHEST_OF - 1
    works = stand.shipped if is_chest else stand.works
    who = f"{study} (objects {', '.join(map(str, numbers))})"
    try:
        works.index.record(instances)
        works.corridor.analyse(study, InlineSteps(workflow_id=study))
        state = works.index.study(study).state
    except BaseException as error:  # noqa: BLE001 - this is what is looked for
        tally.escapes.append(f"{who}: {type(error).__name__}: {error}")
        return
    tally.slowest = max(tally.slowest, (time.perf_counter() - begun, who))
    tally.states[state.value] += 1
    made = works.hotbase.evidence_of_study(study)
    tally.evidence.update(each.kind.value for each in made)
    tally.decoded += sum(_analysed(works, study))
    if state not in _ENDED or not any(_is_report(each) for each in made):
        tally.untold.append(f"{who}: {works.index.study(study).reason}")


def _analysed(works: Works, study: str) -> Iterator[int]:
    """Yield how many images of each job a model took."""
    for job in works.hotbase.jobs(study):
        found = works.hotbase.prediction(job["job_id"])
        if found is not None:
            yield len(found.analysed)


def _is_report(made: EvidenceObject) -> bool:
    """Whether it says of the study a result, or why there is none, and is on its way."""
    return made.kind is EvidenceKind.SR and not made.is_held
