"""What can be done to a node at any moment: its processes are killed, its PACS goes and comes.

A sender, as modalities are, sends a study again until every object of it was acknowledged.
"""

import contextlib
import hashlib
import os
import random
import re
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Protocol

import numpy as np
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import ExplicitVRLittleEndian

from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.node.repositories import Repositories
from sr_templates.evidence_kind import EvidenceKind
from tests.acceptance.running import RunningNode
from tests.peers.dcmtk import Peer, StoreScp, dcmsend, storescp
from tests.peers.objects import encoded, make_dataset
from tests.peers.process import free_port
from tests.peers.raw_scu import raw_scu

# Small enough to be quick, large enough to be analysed.
_ROWS, _COLUMNS = 625, 512
_STUDY = "1.2.826.0.1.3680043.8.498"
# What a PACS gets unless somebody says otherwise.
_SENT = (EvidenceKind.SR, EvidenceKind.SC)


class Victim(Enum):
    """Whom a kill hits."""

    MAIN = "the main process"
    GROUP = "the node with all of its processes"
    CHILD = "one of its receivers, workers or helpers"
    STARTING = "the main process while it starts"


@dataclass(frozen=True, slots=True, kw_only=True)
class SentStudy:
    """A study whose objects were all acknowledged, with the digests of their pixels."""

    study_instance_uid: str
    digests: dict[str, str]
    is_chest: bool


@dataclass(slots=True)
class Sender:
    """Sends studies one after the other, each until it is acknowledged whole."""

    peer: Peer
    folder: Path
    calling: str
    count: int
    first: int = 1
    images: int = 0  # of each study, which is no chest then; 0: one, and now and then two
    sent: list[SentStudy] = field(default_factory=list)
    attempts: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to send in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="sender", daemon=True)
        self._thread.start()

    def is_done(self) -> bool:
        """Whether every study was acknowledged."""
        return len(self.sent) == self.count

    def finish(self) -> None:
        """Send the study under way, and no further one."""
        self.count = min(self.count, len(self.sent) + 1)

    def stop(self) -> None:
        """End between two attempts."""
        self.stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        for number in range(self.first, self.first + self.count):
            if self.is_done() or self.stopped.is_set():
                return
            folder = self.folder / str(number)
            study = (
                make_large_study(folder, number, self.images)
                if self.images
                else make_study(folder, number)
            )
            while not self.stopped.is_set():
                self.attempts += 1
                try:
                    done = dcmsend(self.peer, [folder], calling=self.calling, options=("-v",))
                except subprocess.TimeoutExpired:
                    continue
                if _stored(done) == len(list(folder.iterdir())):
                    self.sent.append(study)
                    break
                self.stopped.wait(0.5)


def _stored(done: "subprocess.CompletedProcess[str]") -> int:
    """Return how many objects were stored: what a peer refuses is no failure to ``dcmsend``."""
    said = re.search(r"with status SUCCESS\s*: (\d+)", done.stderr)
    return int(said[1]) if said and done.returncode == 0 else 0


def make_large_study(folder: Path, number: int, images: int) -> SentStudy:
    """Write a study of many images that no model looks at."""
    study = make_study(folder, 5 * number)
    first = next(iter(folder.iterdir()))
    dataset = dcmread(first)
    digests = dict(study.digests)
    for index in range(1, images):
        uid = f"{study.study_instance_uid}.8.{index}"
        dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = uid
        dataset.PixelData = bytes([index]) * len(dataset.PixelData)
        dcmwrite(folder / f"more-{index}.dcm", dataset, enforce_file_format=True)
        digests[uid] = pixel_digest(dataset)
    return replace(study, digests=digests)


def make_study(folder: Path, number: int) -> SentStudy:
    """Write a synthetic study: every one another image, some of two, one in five no chest."""
    folder.mkdir(parents=True)
    study = f"{_STUDY}.{number}"
    digests = {}
    is_chest = number % 5 != 0
    for index in range(1 + (number % 3 == 0)):
        uids = StudyUids(study=study, series=f"{study}.{index + 1}", instance=f"{study}.9.{index}")
        options = ChestOptions(
            seed=10 * number + index, rows=_ROWS, columns=_COLUMNS, with_lesion=number % 2 == 0
        )
        dataset: Dataset = make_radiograph(uids, datetime.now(UTC), options).dataset
        dataset.PatientID, dataset.AccessionNumber = f"P{number}", f"A{number}"
        if not is_chest:
            _make_wedge(dataset, number)
        path = folder / f"{index}.dcm"
        dcmwrite(path, dataset, enforce_file_format=True)
        digests[uids.instance] = pixel_digest(dataset)
    return SentStudy(study_instance_uid=study, digests=digests, is_chest=is_chest)


def _make_wedge(dataset: Dataset, number: int) -> None:
    """Make the radiograph one of a step wedge, said to be a hand: no model looks at it."""
    dataset.BodyPartExamined = "HAND"
    dataset.SeriesDescription = dataset.StudyDescription = dataset.ProtocolName = "Step wedge"
    del dataset.AnatomicRegionSequence
    steps = np.linspace(number % 100, 4000, _COLUMNS) // 400 * 400
    dataset.PixelData = np.tile(steps.astype("<u2"), (_ROWS, 1)).tobytes()


def pixel_digest(dataset: Dataset) -> str:
    """Return the digest of an object's pixels: senders may encode the rest of it anew."""
    return hashlib.sha256(dataset.PixelData).hexdigest()


@dataclass(slots=True)
class Flapping:
    """A PACS that goes away and comes back on the same port."""

    folder: Path
    port: int = field(default_factory=free_port)
    lives: list[StoreScp] = field(default_factory=list)
    _running: ExitStack | None = None

    @property
    def peer(self) -> Peer:
        """Where it listens while it is there."""
        return Peer(ae_title="PACS", port=self.port)

    def toggle(self) -> None:
        """Go away, or come back."""
        if self._running is None:
            self.come()
        else:
            self.go()

    def come(self) -> None:
        """Be there."""
        if self._running is not None:
            return
        self._running = ExitStack()
        folder = self.folder / f"life-{len(self.lives)}"
        folder.mkdir(parents=True)
        scp = storescp(folder, ae_title=self.peer.ae_title, port=self.port)
        self.lives.append(self._running.enter_context(scp))

    def go(self) -> None:
        """Be gone, in the midst of whatever it is doing."""
        if self._running is not None:
            self._running.close()
            self._running = None

    def objects(self) -> list[Dataset]:
        """Return what it has received in all of its lives, whole objects only."""
        found: list[Dataset] = []
        for life in self.lives:
            for path in life.files():
                # It may have been ended while it wrote: such an object was not acknowledged.
                with contextlib.suppress(Exception):
                    found.append(dcmread(path, stop_before_pixels=True))
        return found


@contextmanager
def flapping(folder: Path) -> Iterator[Flapping]:
    """Make a PACS that is there at first; whatever runs at the end is stopped."""
    pacs = Flapping(folder)
    pacs.come()
    try:
        yield pacs
    finally:
        pacs.go()


def strike(node: RunningNode, victim: Victim, chance: random.Random) -> None:
    """Kill, and start again what does not start by itself."""
    assert node.process is not None
    if victim is Victim.CHILD:
        children = descendants(node.process.pid)
        if children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(children), signal.SIGKILL)
        return
    if victim is Victim.GROUP:
        for pid in descendants(node.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    node.kill()
    if victim is Victim.STARTING:
        node.launch()
        with contextlib.suppress(subprocess.TimeoutExpired):
            node.process.wait(chance.uniform(0.0, 6.0))
        node.kill()
    node.start()


def descendants(pid: int) -> list[int]:
    """Return the process ids of a process's children and of theirs."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found, new = [], parents.get(pid, [])
    while new:
        found += new
        new = [child for each in new for child in parents.get(each, [])]
    return found


def status_of_another(node: RunningNode, *, patience: float = 600.0) -> int:
    """Send one image more to a node as CR1, and return the status that answers it."""
    image = make_dataset()
    with raw_scu(node.peer, "CR1", patience=patience) as scu:
        status, _ = scu.store(
            encoded(image), sop_instance=image.SOPInstanceUID, syntax=ExplicitVRLittleEndian
        )
    return status


class Receiving(Protocol):
    """A PACS, by what it has received."""

    def objects(self) -> list[Dataset]:
        """Return its objects."""


def assert_stored(repositories: Repositories, sent: list[SentStudy]) -> int:
    """Every acknowledged object is in the archive once, as it was sent; return how many there are.

    All that is not is named at once: one loss is no figure.
    """
    lost: list[str] = []
    for study in sent:
        instances = repositories.index.instances(study.study_instance_uid)
        kept = {
            each.sop_instance_uid: pixel_digest(dcmread(repositories.received.path(each)))
            for each in instances
        }
        if len(instances) != len(kept) or kept != study.digests:
            lost.append(f"{study.study_instance_uid}: {len(study.digests)} sent, {len(instances)}")
    assert not lost, lost
    return sum(len(each.digests) for each in sent)


def assert_results(
    repositories: Repositories, pacs: "Receiving", sent: list[SentStudy]
) -> Counter[str]:
    """Of every study the PACS has each result once: what the Hotbase names, and nothing else.

    Returns how many results of each kind are there. All that are missing or there too often are
    named at once, by study and kind.
    """
    received: dict[str, set[str]] = {}
    for each in pacs.objects():
        received.setdefault(str(each.StudyInstanceUID), set()).add(str(each.SOPInstanceUID))
    there: Counter[str] = Counter()
    missing: list[str] = []
    doubled: list[str] = []
    for study in sent:
        uid = study.study_instance_uid
        made = [each for each in repositories.hotbase.evidence_of_study(uid) if not each.is_held]
        found = received.get(uid, set())
        wanted = {each.sop_instance_uid: each.kind for each in made if each.kind in _SENT}
        there.update(kind.value for name, kind in wanted.items() if name in found)
        missing += [f"{uid}: {kind.value}" for name, kind in wanted.items() if name not in found]
        if not any(each.kind is EvidenceKind.SR for each in made):
            missing.append(f"{uid}: no report was made")
        doubled += [f"{uid}: {name} is of no result" for name in found - wanted.keys()]
        doubled += [f"{uid}: {each}" for each in _more_than_once(made, images=len(study.digests))]
    assert (missing, doubled) == ([], [])
    return there


def _more_than_once(made: list[EvidenceObject], *, images: int) -> Iterator[str]:
    """Yield what an analysis has more often than one report, and one of a kind for each image."""
    counts = Counter((each.job_id, each.kind) for each in made)
    for (job, kind), count in counts.items():
        if count > (1 if kind is EvidenceKind.SR else images):
            yield f"{count} {kind.value} of job {job}"
