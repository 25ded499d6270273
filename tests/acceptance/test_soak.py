"""Study after study: memory, handles, threads, rows and latency stay what they were.

``make soak`` sends ten thousand small studies and prints the slopes; the test a few. One in
``CHEST_OF`` is a chest, which costs a second of processor for its models; of the others, small
images that no route wants, the PACS is told that and why: they are received, filed, routed,
reported on and delivered like any other.
"""

import os
import shutil
import statistics
import time
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import psutil
import pytest
import sqlalchemy as sa
from pydicom.uid import UltrasoundImageStorage
from rich.console import Console
from rich.table import Table

from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.study import StudyState
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.database import make_engine
from tests.acceptance.chaos import make_study
from tests.acceptance.running import RunningNode, running_node
from tests.peers.dcmtk import StoreScp, dcmsend, storescp
from tests.peers.objects import make_dataset, write_part10

pytestmark = pytest.mark.peer

_STUDIES = int(os.environ.get("DICOM_NODE_SOAK_STUDIES", "16"))
_BATCHES = int(os.environ.get("DICOM_NODE_SOAK_BATCHES", "4"))
_CHEST_OF = int(os.environ.get("DICOM_NODE_SOAK_CHEST_OF", "4"))
# No batch is begun after these; 0: all are.
_MINUTES = float(os.environ.get("DICOM_NODE_SOAK_MINUTES", "0"))
_TOGETHER = 10  # studies over one association
_ALONE = 3  # studies of a batch that come by themselves, for the latency
_SIDE = 64
_HANDLES, _THREADS = 8.0, 4.0
_MEMORY = 1.15  # of what it was half-way: caches fill, and pages that were shared are written to
_FEWEST_POINTS = 5  # a slope of fewer is none
_OVER = frozenset({StudyState.ANALYSED, StudyState.NOT_ROUTED})
_Figures = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The node after a batch, when everything has been delivered.

    Memory is the proportional share (PSS) in MiB, of the main process and of all others.
    ``workflows`` are the rows of the workflow store, which are kept for
    ``workflow.keep_workflows``; ``rows`` all others. ``latency`` is the median of the seconds from
    the last response to one study's sender to all of its results being in the PACS.
    """

    studies: int
    main: float
    others: float
    handles: float
    threads: float
    rows: float
    workflows: float
    latency: float


_WHAT = (
    *("main (MiB)", "others (MiB)", "open files", "threads", "rows"),
    *("workflow rows", "latency (s)"),
)


@dataclass(slots=True, kw_only=True)
class Soak:
    """A node, its PACS, its databases as others read them, and how many studies were sent."""

    node: RunningNode
    pacs: StoreScp
    repositories: Repositories
    workflows: sa.Engine
    sent: int = 0
    begun: float = field(default_factory=time.monotonic)

    @property
    def is_time_over(self) -> bool:
        """Whether no further batch is begun."""
        return bool(_MINUTES) and time.monotonic() - self.begun > 60 * _MINUTES

    def send(self, folder: Path, numbers: range) -> None:
        """Send studies over one association, one in so many a chest."""
        for number in numbers:
            if number % _CHEST_OF == 1 % _CHEST_OF:
                _make_chest(folder / str(number), number)
            else:
                _make_small_study(folder / str(number), number)
        self._send(folder)
        self.sent += len(numbers)

    def settle(self, *, seconds: float) -> None:
        """Wait until every study that was sent has ended, and all that was made of it has left."""
        self.node.wait_for("everything to be delivered", self._is_settled, seconds=seconds)

    def latency(self, folder: Path, number: int) -> float:
        """Send a chest by itself, and return in how many seconds its results were there."""
        _make_chest(folder / "alone", number)
        self._send(folder)
        self.sent += 1
        begun = time.monotonic()
        self.settle(seconds=120)
        return time.monotonic() - begun

    def sampled(self, latencies: list[float]) -> Sample:
        """Look at the node."""
        main, *others = self._processes()
        return Sample(
            studies=self.sent,
            main=main[0],
            others=sum(memory for memory, _, _ in others),
            handles=sum(handles for _, handles, _ in (main, *others)),
            threads=sum(threads for _, _, threads in (main, *others)),
            rows=_rows(self.repositories.engine),
            workflows=_rows(self.workflows),
            latency=statistics.median(latencies),
        )

    def forget(self) -> None:
        """Remove what the PACS has: it is looked at elsewhere, and would fill the disk."""
        for path in self.pacs.files():
            path.unlink()

    def _send(self, folder: Path) -> None:
        assert dcmsend(self.node.peer, sorted(folder.iterdir()), calling="CR1").returncode == 0
        shutil.rmtree(folder)

    def _is_settled(self) -> bool:
        # Deliveries are planned before a study has ended.
        states = self.repositories.index.counts()
        assert StudyState.FAILED not in states, states
        if sum(states.values()) < self.sent or not states.keys() <= _OVER:
            return False
        left = {state for _, state in self.repositories.deliveries.counts()}
        return left == {DeliveryState.DELIVERED}

    def _processes(self) -> list[tuple[float, int, int]]:
        """Return memory, open files and threads of the main process, then of those it started."""
        assert self.node.process is not None
        main = psutil.Process(self.node.process.pid)
        found = []
        for each in (main, *main.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # it has just ended, as is its right
                memory = each.memory_full_info().pss / 2**20
                found.append((memory, each.num_fds(), each.num_threads()))
        return found


def test_it_takes_no_more_of_anything_study_after_study(tmp_path: Path) -> None:
    samples: list[Sample] = []
    each = max(_STUDIES // _BATCHES, _ALONE + 1)
    with (
        running_node(tmp_path / "node") as node,
        storescp(tmp_path / "pacs", ae_title="PACS") as pacs,
    ):
        node.is_forked = False  # which would share the memory of what it was forked from
        node.add_ae("PACS", pacs.peer.port, "pacs")
        node.add_ae("CR1", 104, "modality", "--destination", "PACS", "--quiet-period", "0")
        node.start()
        repositories = node.repositories()
        workflows = make_engine(repositories.settings.workflow_url)
        soak = Soak(node=node, pacs=pacs, repositories=repositories, workflows=workflows)
        for batch in range(_BATCHES):
            if soak.is_time_over:
                break
            samples.append(_batch(soak, tmp_path / f"batch-{batch}", batch * each, each))
            passed = time.monotonic() - soak.begun
            print(f"{passed:.0f} s: {samples[-1]}", flush=True)
        repositories.close()
        workflows.dispose()
    _print(samples)
    assert len(samples) > 1, "one batch is compared with none: give it more minutes"
    first, last = samples[len(samples) // 2 - 1], samples[-1]
    assert last.main + last.others <= _MEMORY * (first.main + first.others)
    assert last.handles <= first.handles + _HANDLES
    assert last.threads <= first.threads + _THREADS


def _batch(soak: Soak, folder: Path, first: int, count: int) -> Sample:
    """Send a batch, the last few studies one by one, and look at the node."""
    together = first + count - _ALONE
    for start in range(first, together, _TOGETHER):
        soak.send(folder / str(start), range(start, min(start + _TOGETHER, together)))
    soak.settle(seconds=60 + 10 * count)
    latencies = [soak.latency(folder, together + number) for number in range(_ALONE)]
    sample = soak.sampled(latencies)
    soak.forget()
    return sample


def _make_chest(folder: Path, number: int) -> None:
    """Write a study of one chest: see `make_study` for what its number says."""
    make_study(folder, 15 * number + 1)


def _make_small_study(folder: Path, number: int) -> None:
    """Write a study of one small ultrasound image, each of another patient."""
    folder.mkdir(parents=True)
    study = f"1.2.826.0.1.3680043.8.499.{number}"
    image = make_dataset(
        SOPClassUID=UltrasoundImageStorage,
        Modality="US",
        StudyInstanceUID=study,
        SeriesInstanceUID=f"{study}.1",
        SOPInstanceUID=f"{study}.1.1",
        PatientID=f"S{number}",
        PatientName=f"Soak^{number}",
        StudyDate="20260101",
        StudyTime="120000",
        Rows=_SIDE,
        Columns=_SIDE,
        PixelData=bytes(_SIDE * _SIDE),
    )
    write_part10(folder / "1.dcm", image)


def _rows(engine: sa.Engine) -> int:
    with engine.connect().execution_options(read_only=True) as connection:
        names = sa.inspect(connection).get_table_names()
        return sum(
            connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0
            for name in names
        )


def _print(samples: list[Sample]) -> None:
    """Print each sample, and the slopes over the second half for a thousand studies."""
    table = Table(title=f"{samples[-1].studies} studies")
    for name in ("studies", *_WHAT):
        table.add_column(name, justify="right")
    for each in samples:
        studies, *figures = astuple(each)
        table.add_row(str(studies), *(f"{figure:.1f}" for figure in figures))
    half = np.array([astuple(each) for each in samples[len(samples) // 2 :]])
    if len(half) >= _FEWEST_POINTS:
        table.add_section()
        table.add_row("per 1,000", *(_slope(half[:, 0], figures) for figures in half.T[1:]))
    Console(width=120).print(table)


def _slope(studies: _Figures, figures: _Figures) -> str:
    """Say by how much something grows with a thousand studies, and with what standard error."""
    (slope, _), covariance = np.polyfit(studies / 1000, figures, 1, cov=True)
    return f"{slope:+.1f} ± {np.sqrt(covariance[0, 0]):.1f}"
