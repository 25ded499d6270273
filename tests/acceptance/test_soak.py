"""Study after study: memory, handles, threads, rows and latency stay what they were.

``make soak`` sends ten thousand small studies and prints the slopes; the test a few. One in
``CHEST_OF`` is a chest, which costs a second of processor for its models; of the others, small
images that no route wants, the PACS is told that and why: they are received, filed, routed,
reported on and delivered like any other.
"""

import os
import shutil
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest
import sqlalchemy as sa
from pydicom.uid import UltrasoundImageStorage
from rich.console import Console
from rich.table import Table

from tests.acceptance.chaos import make_study
from tests.acceptance.running import RunningNode, running_node
from tests.peers.dcmtk import StoreScp, dcmsend, storescp
from tests.peers.objects import make_dataset, write_part10

pytestmark = pytest.mark.peer

_STUDIES = int(os.environ.get("DICOM_NODE_SOAK_STUDIES", "16"))
_BATCHES = int(os.environ.get("DICOM_NODE_SOAK_BATCHES", "4"))
_CHEST_OF = int(os.environ.get("DICOM_NODE_SOAK_CHEST_OF", "4"))
_TOGETHER = 10  # studies over one association
_SIDE = 64
_HANDLES, _THREADS = 8.0, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The node after a batch, when everything has been delivered.

    Memory is the proportional share (PSS) of all of its processes in MiB; ``latency`` is the
    seconds from one study's last response to all of its results being in the PACS.
    """

    studies: int
    memory: float
    handles: float
    threads: float
    rows: float
    latency: float


_WHAT = ("memory (MiB)", "open files", "threads", "rows", "latency (s)")


def test_it_takes_no_more_of_anything_study_after_study(tmp_path: Path) -> None:
    samples = []
    each = _STUDIES // _BATCHES
    with (
        running_node(tmp_path / "node") as node,
        storescp(tmp_path / "pacs", ae_title="PACS") as pacs,
    ):
        node.add_ae("PACS", pacs.peer.port, "pacs")
        node.add_ae("CR1", 104, "modality", "--destination", "PACS", "--quiet-period", "0")
        node.start()
        for batch in range(_BATCHES):
            folder = tmp_path / f"batch-{batch}"
            for first in range(1 + batch * each, batch * each + each, _TOGETHER):
                numbers = range(first, min(first + _TOGETHER, batch * each + each))
                _send(node, folder / str(first), numbers)
            _settle(node, seconds=60 + 10 * each)
            samples.append(_sampled(node, folder, studies=each * (batch + 1)))
            shutil.rmtree(folder)
            _forget(pacs)
            print(f"{astuple(samples[-1])}", flush=True)
    _print(samples)
    first, last = samples[len(samples) // 2 - 1], samples[-1]
    assert last.handles <= first.handles + _HANDLES
    assert last.threads <= first.threads + _THREADS


def _send(node: RunningNode, folder: Path, numbers: range) -> None:
    """Send studies over one association, one in so many a chest."""
    for number in numbers:
        if number % _CHEST_OF == 1 % _CHEST_OF:
            make_study(folder / str(number), 5 * number + 1)
        else:
            _make_small_study(folder / str(number), number)
    assert dcmsend(node.peer, sorted(folder.iterdir()), calling="CR1").returncode == 0
    shutil.rmtree(folder)


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


def _forget(pacs: StoreScp) -> None:
    """Remove what the PACS has: it is looked at elsewhere, and would fill the disk."""
    for path in pacs.files():
        path.unlink()


def _settle(node: RunningNode, *, seconds: float) -> None:
    node.wait_for("everything to be delivered", node.has_delivered, seconds=seconds)


def _sampled(node: RunningNode, folder: Path, *, studies: int) -> Sample:
    """Send one study more by itself, and look at the node when it has been delivered."""
    last = folder / "last"
    make_study(last, 10_000_000 + 5 * studies + 1)
    known = _planned(node)
    assert dcmsend(node.peer, [last], calling="CR1").returncode == 0
    begun = time.monotonic()
    node.wait_for(
        "its results", lambda: _planned(node) > known and node.has_delivered(), seconds=120
    )
    latency = time.monotonic() - begun
    assert node.process is not None
    main = psutil.Process(node.process.pid)
    every = [main, *main.children(recursive=True)]
    return Sample(
        studies=studies,
        memory=sum(each.memory_full_info().pss for each in every) / 2**20,
        handles=sum(each.num_fds() for each in every),
        threads=sum(each.num_threads() for each in every),
        rows=_rows(node),
        latency=latency,
    )


def _planned(node: RunningNode) -> int:
    repositories = node.repositories()
    count = sum(repositories.deliveries.counts().values())
    repositories.close()
    return count


def _rows(node: RunningNode) -> int:
    repositories = node.repositories()
    with repositories.engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
        count = sum(
            connection.scalar(sa.select(sa.func.count()).select_from(sa.table(name))) or 0
            for name in names
        )
    repositories.close()
    return count


def _print(samples: list[Sample]) -> None:
    """Print each sample, and the slopes over the second half for a thousand studies."""
    table = Table(title=f"{samples[-1].studies} studies")
    for name in ("studies", *_WHAT):
        table.add_column(name, justify="right")
    for each in samples:
        studies, *figures = astuple(each)
        table.add_row(str(studies), *(f"{figure:.1f}" for figure in figures))
    half = np.array([astuple(each) for each in samples[len(samples) // 2 :]])
    if len(half) > _BATCHES // 4 > 1:  # a slope of a few points is none
        slopes = [np.polyfit(half[:, 0], figures, 1)[0] * 1000 for figures in half.T[1:]]
        table.add_section()
        table.add_row("per 1,000", *(f"{slope:+.1f}" for slope in slopes))
    Console(width=100).print(table)
