"""What it costs to have a radiograph analysed and reported by a worker instead of in the process.

    .venv/bin/python -m bench.isolation [--rounds N]

One synthetic DX of 2500 rows by 2048 columns lies in an archive. It is predicted and its report
and overlay are made, in turns by this process and by a worker, new ones each time (nothing is kept
decoded between rounds); attempts are counted in SQLite, as the node counts them. The figure is the
median of the differences of neighbours, so that whatever else the machine does tells on both.
"""

import argparse
import os
import tempfile
import time
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import numpy as np
import psutil
from pydicom import Dataset, dcmwrite
from pydicom.uid import generate_uid
from rich.console import Console

from ai_engine.kinds.shipped import CHEST_MODEL
from bench.rows import Row, as_table
from dicom_node.configuration.settings import NodeSettings
from dicom_node.configuration.work import WorkerSettings
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job
from dicom_node.models.cards import ModelCards
from dicom_node.node.analyst import AnalystSetup
from dicom_node.node.identity import evidence_context
from dicom_node.node.isolated import Isolated, Workers
from dicom_node.node.repositories import Repositories
from dicom_node.workflow.analysis.evidence_order import EvidenceOrder
from sr_templates.evidence_kind import EvidenceKind

_CONFIG = Path(__file__).parents[1] / "config"


def measure(rounds: int = 20) -> list[Row]:
    """Time both ways in turns."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = NodeSettings(data_dir=Path(folder), log_level="ERROR")
        repositories = Repositories(settings)
        repositories.migrate()
        repositories.received.open()
        repositories.evidence.open()
        dataset = make_radiograph(StudyUids.fresh(), datetime.now(UTC)).dataset
        ways = [_way(settings, repositories, count) for count in (0, 1)]
        times = [
            [_seconds(repositories, settings, isolated, dataset) for isolated, _ in ways]
            for _ in range(rounds + 1)
        ]
        pids = ways[1][1].pids()
        size = sum(psutil.Process(pid).memory_info().rss for pid in pids)
        for _, workers in ways:
            workers.stop()
        repositories.close()
    here, there = np.array(times[1:]).T * 1000
    condition = f"one DX of 2500 × 2048, report and overlay, {rounds} rounds in turns"
    return [
        Row(name="Analysed and reported in the process", value=float(np.median(here)), unit="ms",
            condition=condition),
        Row(name="The same by a worker, more", value=float(np.median(there - here)), unit="ms",
            condition=f"{condition}, median of the differences"),
        Row(name="Memory of a worker", value=size / 2**20, unit="MiB", condition="resident"),
    ]  # fmt: skip


def _way(
    settings: NodeSettings, repositories: Repositories, count: int
) -> tuple[Isolated, Workers]:
    chosen = settings.model_copy(update={"workers": WorkerSettings(count=count)})
    workers = Workers(AnalystSetup.of(chosen, _CONFIG), (CHEST_MODEL,))
    workers.start()
    isolated = Isolated(
        workers,
        repositories.attempts,
        settings=chosen.workers,
        cards=ModelCards(_CONFIG, settings.models_dir),
        calibrations=repositories.calibrations,
    )
    return isolated, workers


def _seconds(
    repositories: Repositories, settings: NodeSettings, isolated: Isolated, dataset: Dataset
) -> float:
    instance = _received(repositories, dataset)
    model = isolated.identity(CHEST_MODEL)
    job = Job(
        job_id=os.urandom(16).hex(),
        study_instance_uid=instance.study_instance_uid,
        revision=1,
        route="bench",
        model=model,
        sop_instance_uids=(instance.sop_instance_uid,),
        destinations=(),
    )
    started = time.perf_counter()
    prediction = isolated.predict(model, (instance,))
    made = isolated.make(
        EvidenceOrder(
            job=job,
            prediction=prediction,
            instances=(instance,),
            context=evidence_context(settings, datetime.now(UTC)),
            wanted=frozenset({EvidenceKind.SC}),
        )
    )
    seconds = time.perf_counter() - started
    if len(made.evidence) < 2:
        raise SystemExit(f"no overlay was made: {made}")
    return seconds


def _received(repositories: Repositories, dataset: Dataset) -> ReceivedInstance:
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        setattr(dataset, keyword, generate_uid())
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    encoded = BytesIO()
    dcmwrite(encoded, dataset, enforce_file_format=True)
    return repositories.received.store_part10(
        encoded.getvalue(), calling_ae="DX1", called_ae="AINODE", received_at=datetime.now(UTC)
    ).instance


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    Console().print(as_table(measure(parser.parse_args().rounds)))


if __name__ == "__main__":
    main()
