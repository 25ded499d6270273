"""Objects per second that the node receives, beside Orthanc and DCMTK's storescp in the same run.

    .venv/bin/python -m bench.reception [--folder FOLDER] [--rounds N] [--receivers N]
        [--reactor waiting|pynetdicom]

Sends CT slices of 0.5 MB and radiographs of 10 MB, uncompressed, over one association and over
eight, with DCMTK's storescu on this machine: one process per association, each with objects of its
own, without Nagle's delays on either side. The node and Orthanc make every file durable before they
answer and storescp does not, so the node is measured without fsync as well. Servers take turns, and
ratios are medians over the rounds, so that other work on the machine disturbs all of them alike;
processor time is that of the server and all of its processes.
"""

import argparse
import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from pydicom import Dataset, dcmread
from pydicom.uid import DigitalXRayImageStorageForPresentation, generate_uid
from rich.console import Console

from bench.rows import Row, as_table
from dicom_node.archive.storage import ArchiveSettings, StorageArchive
from dicom_node.network.access import Operation, StaticAccess
from dicom_node.network.reactor import Reactor
from dicom_node.network.receiver import ScpSettings
from dicom_node.network.receivers import ReceiverPool
from tests.peers.process import answers, free_port, running

_CALLING, _CALLED, _PDU = "BENCH", "AINODE", "131072"
_SLICES = Path(os.environ.get("DICOM_NODE_TEST_DATA", "../shared/data")) / "dicom/ct-nlst"
_ROWS, _COLUMNS = 2500, 2048
_NODE = "node"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is sent: which objects, over how many associations, how many over each."""

    kind: str
    associations: int
    objects: int

    @property
    def words(self) -> str:
        """Say it."""
        return f"{self.kind}, {self.associations} associations of {self.objects}"


_SLICE, _RADIOGRAPH = "CT slices of 0.5 MB", "radiographs of 10 MB"
_LOADS = (
    Load(kind=_SLICE, associations=1, objects=100),
    Load(kind=_SLICE, associations=8, objects=40),
    Load(kind=_RADIOGRAPH, associations=1, objects=12),
    Load(kind=_RADIOGRAPH, associations=8, objects=3),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """Where a server listens, and its processes; those that they start count, too."""

    port: int
    pids: tuple[int, ...]

    def processor_seconds(self) -> float:
        """Return what its processes have taken, and theirs, whether they have ended or not.

        Of this process, itself alone: the senders are its children, too.
        """
        seconds = 0.0
        for pid in self.pids:
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                seconds += sum(process.cpu_times()[:2])
                if pid != os.getpid():
                    seconds += _seconds_of_children(process)
        return seconds


def _seconds_of_children(process: psutil.Process) -> float:
    """Return what those that were waited for have taken, and those that were not yet."""
    seconds = float(sum(process.cpu_times()[2:4]))
    for child in process.children(recursive=True):
        with suppress(psutil.Error):  # it was waited for meanwhile
            seconds += sum(child.cpu_times()[:4])
    return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Objects a second, and milliseconds of processor for each."""

    rate: float
    milliseconds: float


Server = Callable[[Path], AbstractContextManager[Listening]]


@contextmanager
def node(
    folder: Path, *, receivers: int, durable: bool, reactor: Reactor = Reactor.WAITING
) -> Iterator[Listening]:
    """Run the node's receivers."""
    settings = ArchiveSettings(root=folder, durable=durable)
    StorageArchive(settings).open()
    with ReceiverPool(
        ScpSettings(
            ae_title=_CALLED, host="127.0.0.1", port=0, receivers=receivers, reactor=reactor
        ),
        store=functools.partial(StorageArchive, settings),
        access=functools.partial(StaticAccess, {_CALLING: frozenset(Operation)}),
        on_events=lambda _events: None,
    ) as pool:
        yield Listening(port=pool.port, pids=(os.getpid(), *pool.pids))


@contextmanager
def storescp(folder: Path) -> Iterator[Listening]:
    """Run DCMTK's storescp, a process per association, with its largest PDU."""
    port = free_port()
    folder.mkdir(parents=True)
    command = ["storescp", "--fork", "+xa", "-pdu", _PDU, "-od", folder, str(port)]
    log = folder.parent / "storescp.log"
    with running(command, log=log, ready=lambda: answers(port)) as process:
        yield Listening(port=port, pids=(process.pid,))


@contextmanager
def orthanc(folder: Path) -> Iterator[Listening]:
    """Run Orthanc as it comes, open to all: with its own index, durable, without plug-ins."""
    port, http_port = free_port(), free_port()
    folder.mkdir(parents=True)
    configuration = folder / "orthanc.json"
    settings = {
        "StorageDirectory": str(folder / "storage"),
        "DicomAet": _CALLED,
        "DicomPort": port,
        "HttpPort": http_port,
        "RemoteAccessAllowed": False,
        "DicomAlwaysAllowStore": True,
    }
    configuration.write_text(json.dumps(settings))
    log = folder.parent / "orthanc.log"
    with running(["Orthanc", configuration], log=log, ready=lambda: answers(port)) as process:
        yield Listening(port=port, pids=(process.pid,))


def prepare(source: Path, folder: Path, load: Load) -> list[Path]:
    """Write a folder of objects for each association, each a study of its own."""
    slices = sorted(source.iterdir())
    folders = [folder / load.kind / str(number) for number in range(load.associations)]
    for target in folders:
        if target.is_dir() and len(list(target.iterdir())) >= load.objects:
            continue
        target.mkdir(parents=True, exist_ok=True)
        study, series = generate_uid(), generate_uid()
        for number in range(load.objects):
            dataset = dcmread(slices[number % len(slices)])
            dataset.decompress()
            if load.kind == _RADIOGRAPH:
                _as_radiograph(dataset)
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
            dataset.SOPInstanceUID = generate_uid()
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
            dataset.save_as(target / f"{number:04}.dcm")
    return folders


def _as_radiograph(dataset: Dataset) -> None:
    dataset.SOPClassUID, dataset.Modality = DigitalXRayImageStorageForPresentation, "DX"
    dataset.Rows, dataset.Columns = _ROWS, _COLUMNS
    dataset.PixelData = os.urandom(_ROWS * _COLUMNS * 2)


def send(port: int, folders: Sequence[Path], objects: int) -> float:
    """Send so many of each folder over an association of its own; return the seconds it took."""
    options = ["-x=", "-pdu", _PDU, "-aet", _CALLING, "-aec", _CALLED, "127.0.0.1", str(port)]
    begun = time.perf_counter()
    senders = [
        subprocess.Popen(
            ["storescu", *options, *sorted(folder.iterdir())[:objects]],
            env={**os.environ, "TCP_NODELAY": "1"},
        )
        for folder in folders
    ]
    failures = [sender for sender in senders if sender.wait() != 0]
    seconds = time.perf_counter() - begun
    if failures:
        sys.exit(f"{len(failures)} of {len(folders)} senders failed")
    return seconds


def measure(server: Server, folders: Sequence[Path], load: Load) -> Measured:
    """Measure one server once, on an empty folder."""
    count = load.associations * load.objects
    with (
        tempfile.TemporaryDirectory(prefix="bench-reception-") as name,
        server(Path(name) / "received") as listening,
    ):
        before = listening.processor_seconds()
        seconds = send(listening.port, folders, load.objects)
        taken = listening.processor_seconds() - before
    return Measured(rate=count / seconds, milliseconds=1000 * taken / count)


def measure_all(
    source: Path | None = None,
    *,
    rounds: int = 3,
    receivers: int = 2,
    reactor: Reactor = Reactor.WAITING,
) -> list[Row]:
    """Return what each server does, and the node's ratios to the others."""
    source = source or _SLICES
    if not source.is_dir():
        return []
    run_node = functools.partial(node, receivers=receivers, reactor=reactor)
    servers: dict[str, Server] = {
        _NODE: functools.partial(run_node, durable=True),
        "node without fsync": functools.partial(run_node, durable=False),
        "storescp --fork": storescp,
    }
    if shutil.which("Orthanc"):
        servers["Orthanc"] = orthanc
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="bench-objects-") as name:
        for load in _LOADS:
            folders = prepare(source, Path(name), load)
            measured: dict[str, list[Measured]] = {server: [] for server in servers}
            for turn in range(rounds):
                order = list(servers) if turn % 2 == 0 else list(reversed(servers))
                for server in order:
                    measured[server].append(measure(servers[server], folders, load))
            rows += _rows(measured, f"{load.words}, medians of {rounds}")
    return rows


def _rows(measured: dict[str, list[Measured]], condition: str) -> list[Row]:
    def row(name: str, values: Iterator[float], unit: str) -> Row:
        return Row(name=name, value=statistics.median(values), unit=unit, condition=condition)

    rows = []
    for server, each in measured.items():
        rows.append(row(f"Receiving: {server}", (one.rate for one in each), "objects/s"))
        rows.append(row(f"Processor: {server}", (one.milliseconds for one in each), "ms/object"))
    for server, each in measured.items():
        if server != _NODE:
            pairs = zip(measured[_NODE], each, strict=True)
            rows.append(row(f"Node to {server}", (own.rate / one.rate for own, one in pairs), "×"))
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=_SLICES, help="Part 10 files to send")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--receivers", type=int, default=2)
    names = [reactor.value for reactor in Reactor]
    parser.add_argument("--reactor", choices=names, default=Reactor.WAITING.value)
    options = parser.parse_args(arguments)
    rows = measure_all(
        options.folder,
        rounds=options.rounds,
        receivers=options.receivers,
        reactor=Reactor(options.reactor),
    )
    Console().print(as_table(rows))


if __name__ == "__main__":
    main()
