"""How many radiographs a node finishes a minute, and what each costs in processor time.

    .venv/bin/python -m bench.throughput [--studies N] [--rounds N] [--workers N]

A burst of DX studies of 2500 × 2048 is sent over one association to a node whose PACS is a real
Orthanc; the round ends when every result is there. Processor time is that of all of the node's
processes, from the first C-STORE to the last result, so that it says little of what else the
machine does: the studies a minute do. It is told for the node itself and for its
children, which receive and analyse.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil
from pydicom import Dataset
from pydicom.uid import ExplicitVRLittleEndian, generate_uid
from pynetdicom import AE
from rich.console import Console

from bench.rows import Row, as_table
from dicom_node.demo.phantom.chest import ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.domain.study import StudyState
from tests.acceptance.running import RunningNode, running_node
from tests.peers.orthanc import Orthanc, orthanc

_CALLING = "BENCH_DX"
_PATIENCE = 600.0


def measure(folder: Path, *, studies: int = 24, rounds: int = 3, workers: int = 2) -> list[Row]:
    """Send bursts of ``studies``, and count seconds and processor time of each."""
    with (
        running_node(folder / "burst-node", DICOM_NODE_WORKERS__COUNT=str(workers)) as node,
        orthanc(folder / "burst-orthanc", node=node.peer, stable_age=600) as pacs,
    ):
        node.add_ae("ORTHANC", pacs.peer.port, "pacs")
        node.add_ae(_CALLING, 104, "modality", "--destination", "ORTHANC", "--quiet-period", "0")
        node.start()
        template = make_radiograph(
            StudyUids.fresh(), datetime.now(UTC), ChestOptions(rows=2500, columns=2048)
        ).dataset
        expected = _results_of_one(template, node, pacs, 2 * workers)
        burst = [_burst(template, node, pacs, studies, expected) for _ in range(rounds)]
    condition = f"{studies} DX of 2500 × 2048 at once, {workers} workers, {expected} results each"
    return [
        Row(name="Radiographs a minute", value=median(60 * studies / each for each, _ in burst),
            unit="1/min", condition=condition),
        *(
            Row(name=f"Processor time of one, {who}", unit="ms", condition=condition,
                value=median(1000 * spent[who] / studies for _, spent in burst))
            for who in burst[0][1]
        ),
    ]  # fmt: skip


def _results_of_one(template: Dataset, node: RunningNode, pacs: Orthanc, times: int) -> int:
    """Send a study for each worker to have begun; return how many results each has."""
    for _ in range(times):
        _send(template, node, 1)
    repositories = node.repositories()

    def done() -> bool:
        return (
            len([e for e in repositories.index.recent(100) if e.state is StudyState.ANALYSED])
            == times
        )

    node.wait_for("the first studies", done)
    results = sum(
        not each.is_held
        for record in repositories.index.recent(100)
        for job in repositories.hotbase.jobs(record.study_instance_uid)
        for each in repositories.hotbase.evidence(job["job_id"])
    )
    node.wait_for("the first results", lambda: _count(pacs) >= results)
    return results // times


def _burst(
    template: Dataset, node: RunningNode, pacs: Orthanc, studies: int, expected: int
) -> tuple[float, dict[str, float]]:
    """Send a burst; return its seconds, and processor seconds by what spent them."""
    wanted = _count(pacs) + studies * expected
    before, begun = _spent(node), time.perf_counter()
    _send(template, node, studies)
    while _count(pacs) < wanted:
        time.sleep(0.05)
        if time.perf_counter() - begun > _PATIENCE:
            sys.exit(f"not all results are in the PACS after {_PATIENCE:g} s")
    seconds, after = time.perf_counter() - begun, _spent(node)
    return seconds, {who: after[who] - before[who] for who in before}


def _spent(node: RunningNode) -> dict[str, float]:
    """Processor seconds of the node so far: of all, of itself, and of its children."""
    assert node.process is not None
    root = psutil.Process(node.process.pid)
    spent = {"all": 0.0, "the node": 0.0, "its children": 0.0}
    for each in (root, *root.children(recursive=True)):
        times = each.cpu_times()
        seconds = times.user + times.system
        spent["all"] += seconds
        spent["the node" if each == root else "its children"] += seconds
    return spent


def _send(template: Dataset, node: RunningNode, studies: int) -> None:
    """Send the radiograph as so many new studies over one association."""
    modality = AE(ae_title=_CALLING)
    modality.add_requested_context(template.SOPClassUID, ExplicitVRLittleEndian)
    association = modality.associate(
        "127.0.0.1", node.peer.port, ae_title=node.peer.ae_title, max_pdu=0
    )
    for _ in range(studies):
        template.StudyInstanceUID = generate_uid()
        template.SeriesInstanceUID = generate_uid()
        template.SOPInstanceUID = template.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        response = association.send_c_store(template)
        if response.get("Status") != 0x0000:
            sys.exit(f"the node did not store the radiograph: {response}")
    association.release()


def _count(pacs: Orthanc) -> int:
    return int(pacs.get("/statistics")["CountInstances"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        rows = measure(
            Path(folder), studies=asked.studies, rounds=asked.rounds, workers=asked.workers
        )
    Console().print(as_table(rows))


if __name__ == "__main__":
    main()
