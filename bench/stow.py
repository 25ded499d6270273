"""Megabytes a second to a real Orthanc, in turns by STOW-RS and C-STORE, on new connections.

Both go as results go: whole files, from disk. On a busy machine the ratio tells.
"""

import argparse
import base64
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from pydicom.uid import CTImageStorage, generate_uid
from rich.console import Console

from bench.rows import Row, as_table
from dicom_node.dicomweb.peer import WebPeer, WebTimeouts, connected
from dicom_node.network.associations import Destination
from dicom_node.network.storage_scu import store
from tests.peers.objects import make_dataset, write_part10
from tests.peers.orthanc import PASSWORD, USER, Orthanc, orthanc

TURNS = 5
# What goes at once: a name, how many objects, and how many columns of 512 pixels each.
BATCHES = (("a result's 2 objects of 40 KB", 2, 40), ("an overlay of 2 MB", 1, 2048),
           ("20 CT slices", 20, 512))  # fmt: skip
Send = Callable[[Sequence[Path]], None]


def measure(turns: int = TURNS) -> list[Row]:
    """Send to one Orthanc by each way in turns."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="bench-") as name, orthanc(Path(name) / "pacs") as pacs:
        ways: dict[str, Send] = {"STOW-RS": _stow(pacs), "C-STORE": _c_store(pacs)}
        for what, count, columns in BATCHES:
            rates: dict[str, list[float]] = {way: [] for way in ways}
            for _ in range(turns):
                for way, send in ways.items():
                    rates[way].append(_timed(send, _files(Path(name), count, columns)))
            rows += [
                Row(
                    name=f"{what} by {way}",
                    value=float(np.median(found)),
                    unit="MB/s",
                    condition=f"a real Orthanc on this machine, median of {turns} turns",
                )
                for way, found in rates.items()
            ]
    return rows


def _stow(pacs: Orthanc) -> Send:
    secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    peer = WebPeer(
        title=pacs.peer.ae_title, url=f"{pacs.url}/dicom-web", authorization=f"Basic {secret}"
    )

    def send(paths: Sequence[Path]) -> None:
        with connected(peer, WebTimeouts()) as connection:
            stored = len(connection.store(paths).stored)
        assert stored == len(paths)

    return send


def _c_store(pacs: Orthanc) -> Send:
    peer = Destination(ae_title=pacs.peer.ae_title, host="127.0.0.1", port=pacs.peer.port)

    def send(paths: Sequence[Path]) -> None:
        assert all(each.stored for each in store(paths, peer, calling_ae="AINODE"))

    return send


def _timed(send: Send, paths: Sequence[Path]) -> float:
    size = sum(path.stat().st_size for path in paths)
    started = time.perf_counter()
    send(paths)
    seconds = time.perf_counter() - started
    for path in paths:
        path.unlink()
    return size / 1e6 / seconds


def _files(folder: Path, count: int, columns: int) -> list[Path]:
    study = str(generate_uid())
    made = []
    for number in range(1, count + 1):
        dataset = make_dataset(
            number,
            SOPInstanceUID=str(generate_uid()),
            SOPClassUID=CTImageStorage,
            StudyInstanceUID=study,
            Modality="CT",
            Rows=512,
            Columns=columns,
            BitsAllocated=16,
            BitsStored=16,
            HighBit=15,
            PixelData=np.random.default_rng(number).bytes(512 * columns * 2),
        )
        made.append(write_part10(folder / f"{dataset.SOPInstanceUID}.dcm", dataset))
    return made


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.stow", description=__doc__)
    parser.add_argument("--turns", type=int, default=TURNS)
    options = parser.parse_args()
    Console().print(as_table(measure(options.turns)))


if __name__ == "__main__":
    main()
