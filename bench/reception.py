"""Instances per second that the node receives, beside DCMTK's storescp in the same run.

    .venv/bin/python -m bench.reception [--folder FOLDER] [--rounds N] [--receivers N]
        [--reactor waiting|pynetdicom]

Sends CT slices, uncompressed (0.5 MB each) and as they are, with DCMTK's storescu on this
machine: one process per association, each with objects of its own, without Nagle's delays on
either side. The node makes every file durable before it answers and storescp does not, so the
node is measured without fsync as well. Rounds alternate between the servers and the best of each
counts, so that other work on the machine disturbs all of them alike.
"""

import argparse
import functools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import generate_uid
from rich.console import Console

from bench.rows import Row, as_table
from dicom_node.archive import ArchiveSettings, StorageArchive
from dicom_node.network.access import Operation, StaticAccess
from dicom_node.network.reactor import Reactor
from dicom_node.network.receiver import ScpSettings
from dicom_node.network.receivers import ReceiverPool
from tests.peers.process import answers, free_port, running

_CALLING, _CALLED, _PDU = "BENCH", "AINODE", "131072"
_ASSOCIATIONS = (1, 4)
_SLICES = Path(os.environ.get("DICOM_NODE_TEST_DATA", "../shared/data")) / "dicom/ct-nlst"
_PROPOSE = {True: "-x=", False: "-xt"}  # uncompressed, or JPEG-LS lossless

Server = Callable[[Path], AbstractContextManager[int]]


@contextmanager
def node(
    folder: Path, *, receivers: int, durable: bool, reactor: Reactor = Reactor.WAITING
) -> Iterator[int]:
    """Run the node's receivers; yield their port."""
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
        yield pool.port


@contextmanager
def storescp(folder: Path) -> Iterator[int]:
    """Run DCMTK's storescp, a process per association, with its largest PDU; yield its port."""
    port = free_port()
    folder.mkdir(parents=True)
    command = ["storescp", "--fork", "+xa", "-pdu", _PDU, "-od", folder, str(port)]
    with running(command, log=folder.parent / "storescp.log", ready=lambda: answers(port)):
        yield port


def prepare(source: Path, folder: Path, copies: int, *, uncompressed: bool) -> list[Path]:
    """Write copies of a folder of Part 10 files, each copy a study of its own."""
    folders = [folder / str(number) for number in range(copies)]
    for target in folders:
        target.mkdir(parents=True)
    for number, path in enumerate(sorted(source.iterdir())):
        dataset = dcmread(path)
        if uncompressed:
            dataset.decompress()
        for target in folders:
            dataset.StudyInstanceUID = generate_uid(entropy_srcs=[str(target)])
            dataset.SeriesInstanceUID = generate_uid(entropy_srcs=[str(target), "series"])
            dataset.SOPInstanceUID = generate_uid(entropy_srcs=[str(target), str(number)])
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            dataset.save_as(target / f"{number:04}.dcm")
    return folders


def send(port: int, folders: Sequence[Path], *, uncompressed: bool) -> float:
    """Send each folder over an association of its own; return instances per second in all."""
    count = sum(len(list(folder.iterdir())) for folder in folders)
    options = [_PROPOSE[uncompressed], "-pdu", _PDU, "-aet", _CALLING, "-aec", _CALLED, "+sd"]
    begun = time.perf_counter()
    senders = [
        subprocess.Popen(
            ["storescu", *options, "127.0.0.1", str(port), str(folder)],
            env={**os.environ, "TCP_NODELAY": "1"},
        )
        for folder in folders
    ]
    failures = [sender for sender in senders if sender.wait() != 0]
    seconds = time.perf_counter() - begun
    if failures:
        sys.exit(f"{len(failures)} of {len(folders)} senders failed")
    return count / seconds


def measure(server: Server, folders: Sequence[Path], *, uncompressed: bool) -> float:
    """Measure one server once, on an empty folder."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-reception-") as name,
        server(Path(name) / "received") as port,
    ):
        return send(port, folders, uncompressed=uncompressed)


def measure_all(
    source: Path | None = None,
    *,
    rounds: int = 3,
    receivers: int = 2,
    reactor: Reactor = Reactor.WAITING,
) -> list[Row]:
    """Return instances per second of every server, and the node's ratio to ``storescp``."""
    source = source or _SLICES
    if not source.is_dir():
        return []
    servers: dict[str, Server] = {
        "node": functools.partial(node, receivers=receivers, durable=True, reactor=reactor),
        "node without fsync": functools.partial(
            node, receivers=receivers, durable=False, reactor=reactor
        ),
        "storescp --fork": storescp,
    }
    rows: list[Row] = []
    for uncompressed, kind in ((True, "CT slices of 0.5 MB"), (False, "the same as JPEG-LS")):
        with tempfile.TemporaryDirectory(prefix="bench-objects-") as name:
            folders = prepare(source, Path(name), max(_ASSOCIATIONS), uncompressed=uncompressed)
            for associations in _ASSOCIATIONS:
                best = dict.fromkeys(servers, 0.0)
                for _ in range(rounds):
                    for server, run in servers.items():
                        rate = measure(run, folders[:associations], uncompressed=uncompressed)
                        best[server] = max(best[server], rate)
                rows += _rows(best, f"{kind}, {associations} associations, best of {rounds}")
    return rows


def _rows(best: dict[str, float], condition: str) -> list[Row]:
    rows = [
        Row(name=f"Receiving: {name}", value=rate, unit="instances/s", condition=condition)
        for name, rate in best.items()
    ]
    ratio = best["node"] / best["storescp --fork"]
    return [*rows, Row(name="Node to storescp", value=ratio, unit="×", condition=condition)]


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
