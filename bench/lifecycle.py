"""Paper 1's circle, whole: studies in, experts' verdicts, calibration, fine-tuning, promotion.

    .venv/bin/python -m bench.lifecycle [--data DIR] [--images N] [--epochs N] [--out FOLDER]

A node runs by its public command. Three simulated devices send it the radiographs of the validation
split, which the model did not learn from, as DX objects over C-STORE; the labels that came with
them are the experts' verdicts, given through the worklist. From then on everything is what an
administrator would type: `calibrate`, `drift`, `models finetune`, `models shadow`, `models
promote`. What these print is printed, and at the end how many studies, verdicts and cases there
were at each step, which must agree.
"""

import argparse
import copy
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.uid import UID
from rich.console import Console

from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split, read_cxr
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.kinds.shipped import CHEST_MODEL
from bench.devices import DEVICES, SimulatedDevice
from bench.expert_sessions import PASSWORD
from bench.finetune import UNCHANGED
from bench.rows import Row, as_table
from dicom_node.demo.phantom.chest import BITS, ChestOptions
from dicom_node.demo.synthetic import StudyUids, make_radiograph
from dicom_node.domain.review.review import FindingUnderReview, FindingVerdict, Judgement, Verdict
from dicom_node.domain.study import StudyState
from dicom_node.network.associations import Destination
from dicom_node.network.libraries import set_up_dicom_libraries
from dicom_node.network.storage_scu import store
from dicom_node.node.repositories import Repositories
from dicom_node.web.review.people import reviewer
from tests.acceptance.running import RunningNode, running_node

_ROOT = Path(__file__).parents[1]
_DATA = Path(os.environ.get("DICOM_NODE_TEST_DATA", _ROOT.parent / "shared" / "data")) / "cxr"
_EXPERT = "expert"
_INSTALLED = re.compile(rf"Installed {CHEST_MODEL}/([^+]+)\+")
_AGREEING_SECONDS, _TRAINING_SECONDS = 600.0, 3600.0

# The guard turns negatives back before any model sees them, as it should.
_SENDERS: Mapping[str, SimulatedDevice] = {
    f"DX_{device.name.split()[0].upper()}": device
    for device in (UNCHANGED, *DEVICES)
    if device.name != "negative"
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A study on its way, and what there is to be seen in it."""

    study_instance_uid: str
    item: CxrItem
    calling_ae: str


@dataclass(slots=True, kw_only=True)
class Circle:
    """A running node and what has been sent to it."""

    node: RunningNode
    repositories: Repositories
    console: Console
    folder: Path

    def send(self, dataset: CxrDataset, items: Sequence[CxrItem]) -> list[Sent]:
        """Send images as every device shows them, one study each."""
        template = make_radiograph(
            StudyUids.fresh(), datetime.now(UTC), ChestOptions(rows=64, columns=64)
        ).dataset
        sent = []
        for title, device in _SENDERS.items():
            paths = []
            for item in items:
                made = _as_dx(dataset, item, device, template)
                paths.append(self.folder / f"{made.SOPInstanceUID}.dcm")
                made.save_as(paths[-1], enforce_file_format=True)
                sent.append(
                    Sent(study_instance_uid=str(made.StudyInstanceUID), item=item, calling_ae=title)
                )
            peer = Destination(
                ae_title=self.node.peer.ae_title, host="127.0.0.1", port=self.node.peer.port
            )
            outcomes = store(paths, peer, calling_ae=title)
            if not all(each.stored for each in outcomes):
                sys.exit(f"{title}: the node did not store everything")
            for path in paths:
                path.unlink()
        return sent

    def settle(self, sent: Sequence[Sent]) -> Counter[str]:
        """Wait until every study is analysed, or not for a reason; count how they ended."""
        wanted = {each.study_instance_uid for each in sent}
        ended: Counter[str] = Counter()

        def all_ended() -> bool:
            ended.clear()
            for record in self.repositories.index.recent(10 * len(wanted)):
                if record.study_instance_uid in wanted:
                    ended[record.state.value] += 1
            done = (StudyState.ANALYSED, StudyState.NOT_ROUTED, StudyState.FAILED)
            return sum(ended[state.value] for state in done) == len(wanted)

        self.node.wait_for("every study's end", all_ended, seconds=_AGREEING_SECONDS)
        return ended

    def judge(self, sent: Sequence[Sent]) -> int:
        """Give every item that waits the verdict that its labels tell; return how many."""
        seen = {each.study_instance_uid: each.item for each in sent}
        review_queue, expert = (
            self.repositories.review_queue(),
            reviewer(self.repositories.users.get(_EXPERT)),
        )
        count = 0
        while (waiting := review_queue.next_for(expert)) is not None:
            item = seen[waiting.study_instance_uid]
            review_queue.claim(waiting.item_id, expert)
            findings = review_queue.findings(waiting.item_id)
            review_queue.decide(
                Verdict(
                    item_id=waiting.item_id,
                    reviewer=expert,
                    findings=tuple(_judged(each, item) for each in findings),
                )
            )
            count += 1
        return count

    def filed(self, count: int) -> int:
        """Wait until the Warehouse holds as many cases as were judged; return how many it holds."""

        def cases() -> int:
            return len(list(self.repositories.warehouse.records()))

        self.node.wait_for(
            "the Warehouse to hold them", lambda: cases() >= count, seconds=_AGREEING_SECONDS
        )
        return cases()

    def type(self, *words: str) -> str:
        """Run a command as an administrator would, and show it and what it says."""
        self.console.rule(f"dicom-node {' '.join(words)}", align="left")
        try:
            done = self.node.run(*words, timeout=_TRAINING_SECONDS)
        except subprocess.TimeoutExpired:
            sys.exit(f"dicom-node {' '.join(words)}: no end after {_TRAINING_SECONDS:.0f} s")
        self.console.print(done.stdout, markup=False, highlight=False)
        if done.returncode != 0:
            sys.exit(done.stderr)
        return done.stdout


def _as_dx(
    dataset: CxrDataset, item: CxrItem, device: SimulatedDevice, template: Dataset
) -> Dataset:
    """An image as a device would have sent it: a DX object of a study of its own."""
    shown = device.acquire(as_radiograph(dataset, item)).pixels
    made = copy.deepcopy(template)
    uids = StudyUids.fresh()
    made.StudyInstanceUID, made.SeriesInstanceUID = uids.study, uids.series
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = UID(uids.instance)
    made.PatientID = made.PatientName = f"BENCH-{item.patient_id}"
    made.PatientSex, made.ViewPosition = item.sex, item.view.value
    made.DeviceSerialNumber = device.name
    made.Rows, made.Columns = shown.shape
    made.PixelData = np.rint(shown * (2**BITS - 1)).astype("<u2").tobytes()
    return made


def _judged(finding: FindingUnderReview, item: CxrItem) -> FindingVerdict:
    present = finding.label in item.labels
    if finding.is_positive == present:
        judgement = Judgement.CONFIRMED
    else:
        judgement = Judgement.ADDED if present else Judgement.REJECTED
    return FindingVerdict(
        image_uid=finding.image_uid,
        frame_number=finding.frame_number,
        label=finding.label,
        judgement=judgement,
    )


def _one_round(
    circle: Circle, dataset: CxrDataset, items: Sequence[CxrItem], before: int
) -> Iterator[Row]:
    """Send, wait, judge, and wait for the Warehouse; ``before`` is what it held."""
    condition = f"{len(items)} images from each of {len(_SENDERS)} devices"
    begun = time.perf_counter()
    sent = circle.send(dataset, items)
    ended = circle.settle(sent)
    analysed = ended[StudyState.ANALYSED.value]
    seconds = time.perf_counter() - begun
    yield Row(name="Studies sent", value=len(sent), unit="", condition=condition)
    for state, count in sorted(ended.items()):
        yield Row(name=f"Studies {state}", value=count, unit="", condition=condition)
    yield Row(
        name="Studies a minute, received and analysed",
        value=60 * len(sent) / seconds,
        unit="a minute",
        condition="beside the making of the images",
    )
    judged = circle.judge(sent)
    yield Row(name="Verdicts given", value=judged, unit="", condition=f"of {analysed} analysed")
    filed = circle.filed(before + judged) - before
    yield Row(name="Cases filed in the Warehouse", value=filed, unit="", condition="by device")


def run(
    folder: Path, dataset: CxrDataset, images: int | None, epochs: int, console: Console
) -> list[Row]:
    """Go once around the circle; the rows say what there was at each step."""
    with running_node(folder / "node") as node:
        for title in _SENDERS:
            node.add_ae(title, 104, "modality", "--quiet-period", "0")
        node.environment |= {"DICOM_NODE_NEW_PASSWORD": PASSWORD, "COLUMNS": "160"}
        node.start()
        circle = Circle(node=node, repositories=node.repositories(), console=console, folder=folder)
        circle.type("users", "add", _EXPERT, "--role", "expert")
        rows = list(_one_round(circle, dataset, dataset.part(Split.VALID)[:images], 0))
        circle.type("warehouse", "counts")
        circle.type("calibrate")
        begun = time.perf_counter()
        chosen = ("--epochs", str(epochs)) if epochs else ()
        said = circle.type("models", "finetune", *chosen)
        took = time.perf_counter() - begun
        rows.append(Row(name="Fine-tuning", value=took, unit="s", condition="with its report"))
        installed = _INSTALLED.search(said)
        if installed is None:
            sys.exit("models finetune installed nothing")
        circle.type("models", "shadow", CHEST_MODEL, installed[1])
        held = len(list(circle.repositories.warehouse.records()))
        rows += _one_round(circle, dataset, dataset.part(Split.TEST)[:images], held)
        circle.type("models", "shadow", "report", CHEST_MODEL)
        circle.type("models", "promote", CHEST_MODEL, installed[1])
        circle.type("models", "history")
        circle.repositories.close()
    return rows


def main() -> None:
    """Go around the circle and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--images", type=int, help="from each device, at most")
    parser.add_argument("--epochs", type=int, default=0, help="without it, the setting")
    parser.add_argument("--out", type=Path, help="keep the node's folder here")
    options = parser.parse_args()
    set_up_dicom_libraries()
    console = Console(width=200)
    with tempfile.TemporaryDirectory(prefix="bench-lifecycle-") as temporary:
        rows = run(
            options.out or Path(temporary),
            read_cxr(options.data),
            options.images,
            options.epochs,
            console,
        )
    console.print(as_table(rows))


if __name__ == "__main__":
    main()
