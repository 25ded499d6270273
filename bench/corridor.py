"""Seconds from a modality's last C-STORE response to report and overlay stored in the PACS.

    .venv/bin/python -m bench.corridor [--studies N]

A real Orthanc is the PACS, configured by the files in ``orthanc/``; the study is one synthetic
DX radiograph of 2500 rows by 2048 columns, uncompressed, quiet period 0. The clock starts when
the modality has the response to its last C-STORE, before it releases the association, and stops
when Orthanc lists every result; Orthanc is asked every 5 ms. Where that time goes is read from the
rows of the workflows afterwards: each durable step, what lies between them, and the way there.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import sqlalchemy as sa
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
_PLAN = "plan deliveries"
_WORKFLOWS = "SELECT workflow_uuid FROM workflow_status WHERE name = 'analyse_study' ORDER BY rowid"
_STEPS = """
    SELECT function_name AS name, started_at_epoch_ms AS begun, completed_at_epoch_ms AS ended
    FROM operation_outputs WHERE workflow_uuid = :workflow ORDER BY function_id
"""


def measure(folder: Path, studies: int) -> list[Row]:
    """Send ``studies`` studies one after the other and time each."""
    with (
        running_node(folder / "node") as node,
        orthanc(folder / "orthanc", node=node.peer, stable_age=600) as pacs,
    ):
        node.add_ae("ORTHANC", pacs.peer.port, "pacs")
        node.add_ae(_CALLING, 104, "modality", "--destination", "ORTHANC", "--quiet-period", "0")
        node.start()
        options = ChestOptions(rows=2500, columns=2048)
        template = make_radiograph(StudyUids.fresh(), datetime.now(UTC), options).dataset
        expected = _warm_up(template, node, pacs)
        timed = [_one(template, node, pacs, expected) for _ in range(studies)]
        times = [each.arrived[-1] - each.answered for each in timed]
        stages = _stages(node, timed)
    condition = (
        f"{studies} studies of one 2500 × 2048 DX, quiet period 0, {expected} results each, "
        "until stored in Orthanc"
    )
    name = "Last C-STORE response to results"
    where = "median of this stage"
    return [
        Row(name=f"{name}, median", value=float(np.median(times)), unit="s", condition=condition),
        Row(
            name=f"{name}, 95th percentile",
            value=float(np.percentile(times, 95)),
            unit="s",
            condition=condition,
        ),
        *(
            Row(name=stage, value=float(np.median(spans)) * 1000, unit="ms", condition=where)
            for stage, spans in stages.items()
        ),
    ]


def _warm_up(template: Dataset, node: RunningNode, pacs: Orthanc) -> int:
    """Send the first study, which nobody times; return how many results it has."""
    study, _ = _send(template, node)
    record = node.settled(study)
    if record.state is not StudyState.ANALYSED:
        sys.exit(f"the synthetic study was not analysed: {record.state} {record.reason}")
    repositories = node.repositories()
    results = sum(
        not each.is_held
        for job in repositories.hotbase.jobs(study)
        for each in repositories.hotbase.evidence(job["job_id"])
    )
    node.wait_for("the first results", lambda: _count(pacs) >= results)
    return results


@dataclass(frozen=True, slots=True, kw_only=True)
class _Timed:
    """A study: when the modality had its response, and when each result was seen (Unix time)."""

    answered: float
    arrived: tuple[float, ...]


def _one(template: Dataset, node: RunningNode, pacs: Orthanc, expected: int) -> _Timed:
    before = _count(pacs)
    since = time.time() - time.perf_counter()
    _, answered = _send(template, node)
    arrived: list[float] = []
    while len(arrived) < expected:
        there = _count(pacs) - before
        arrived += [time.perf_counter() + since] * (there - len(arrived))
        time.sleep(0.005)
        if time.perf_counter() - answered > 60:
            sys.exit("no results in the PACS after 60 s")
    return _Timed(answered=answered + since, arrived=tuple(arrived))


def _stages(node: RunningNode, timed: Sequence[_Timed]) -> dict[str, list[float]]:
    """Return for how long each stage lasted in each study, in seconds, in their order."""
    spans: dict[str, list[float]] = {}

    def add(stage: str, begun: float, ended: float) -> None:
        spans.setdefault(stage, []).append(ended - begun)

    engine = sa.create_engine(f"sqlite:///{node.folder}/data/workflows.sqlite")
    with engine.connect() as connection:
        every = connection.execute(sa.text(_WORKFLOWS)).scalars().all()
        for workflow, study in zip(every[-len(timed) :], timed, strict=True):
            steps = connection.execute(sa.text(_STEPS), {"workflow": workflow}).all()
            add("until the study is claimed", study.answered, steps[0].begun / 1000)
            last = steps[0].begun
            for step in steps[: 1 + [each.name for each in steps].index(_PLAN)]:
                add("between steps", last / 1000, step.begun / 1000)
                add(step.name, step.begun / 1000, step.ended / 1000)
                last = step.ended
            add("until the report is there", last / 1000, study.arrived[0])
            add("until the rest is there", study.arrived[0], study.arrived[-1])
    engine.dispose()
    gaps = np.array(spans.pop("between steps")).reshape(len(timed), -1)
    return {**spans, "between steps": list(gaps.sum(axis=1))}


def _send(template: Dataset, node: RunningNode) -> tuple[str, float]:
    """Send the radiograph as a new study; return its UID and when the response was there."""
    template.StudyInstanceUID = generate_uid()
    template.SeriesInstanceUID = generate_uid()
    template.SOPInstanceUID = template.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    modality = AE(ae_title=_CALLING)
    modality.add_requested_context(template.SOPClassUID, ExplicitVRLittleEndian)
    association = modality.associate(
        "127.0.0.1", node.peer.port, ae_title=node.peer.ae_title, max_pdu=0
    )
    response = association.send_c_store(template)
    answered = time.perf_counter()
    association.release()
    if response.get("Status") != 0x0000:
        sys.exit(f"the node did not store the radiograph: {response}")
    return str(template.StudyInstanceUID), answered


def _count(pacs: Orthanc) -> int:
    return int(pacs.get("/statistics")["CountInstances"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=20)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Console().print(as_table(measure(Path(folder), arguments.studies)))


if __name__ == "__main__":
    main()
