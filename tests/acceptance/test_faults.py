"""Killed again and again at any moment, the node loses nothing and sends nothing twice over.

``make faults`` runs more rounds than the tests do.
"""

import os
import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.study import StudyState
from tests.acceptance.running import RunningNode, running_node
from tests.peers.data import dicom_folder
from tests.peers.dcmtk import StoreScp, dcmsend, storescp
from tests.unit.builders import EPOCH, STUDY, an_instance

pytestmark = pytest.mark.peer

_ROUNDS = int(os.environ.get("DICOM_NODE_FAULT_ROUNDS", "3"))
_STUDIES_PER_ROUND = 3
_SR = "1.2.840.10008.5.1.4.1.1.88.34"
# From before the association's end is noticed to after everything has been delivered.
_LONGEST_LIFE = 2.5


def test_every_study_has_one_report_however_often_the_node_was_killed(tmp_path: Path) -> None:
    chance = random.Random(20260101)  # noqa: S311 - moments, not secrets
    with (
        running_node(tmp_path / "node") as node,
        storescp(tmp_path / "pacs", ae_title="PACS") as pacs,
    ):
        node.add_ae("PACS", pacs.peer.port, "pacs")
        node.add_ae("CR1", 104, "modality", "--destination", "PACS", "--quiet-period", "0")
        node.environment["DICOM_NODE_WORKFLOW__SWEEP_INTERVAL"] = "0.5"
        sent: set[str] = set()
        for number in range(_ROUNDS):
            node.start()
            sent |= _send(node, tmp_path / f"round-{number}", number)
            _live(node, chance.uniform(0, _LONGEST_LIFE))
            node.kill()
        _lose_workflow(node)
        node.start()
        lost = node.settled(STUDY)
        assert lost.state is StudyState.FAILED
        assert "dicom-node retry" in lost.reason
        for study in sent:
            assert node.settled(study).state is StudyState.ANALYSED
        _wait_for_deliveries(node, len(sent))
        _assert_one_report_each(pacs, sent)


def _send(node: RunningNode, folder: Path, number: int) -> set[str]:
    folder.mkdir()
    template = dcmread(dicom_folder("received") / "siim-cxr-pa-jpeg-baseline.dcm")
    studies = set()
    for index in range(_STUDIES_PER_ROUND):
        stem = f"1.2.826.0.1.3680043.8.498.{number + 1}.{index + 1}"
        template.StudyInstanceUID, template.SeriesInstanceUID = stem, f"{stem}.1"
        template.SOPInstanceUID = template.file_meta.MediaStorageSOPInstanceUID = f"{stem}.1.1"
        template.save_as(folder / f"{index}.dcm")
        studies.add(stem)
    # What was answered must survive; nobody promises anything for what was not.
    done = dcmsend(node.peer, [folder], calling="CR1")
    assert done.returncode == 0, done.stderr
    return studies


def _lose_workflow(node: RunningNode) -> None:
    """Leave a study behind whose analysis no workflow goes on with."""
    repositories = node.repositories()
    repositories.index.record([an_instance()])
    assert repositories.index.claim(STUDY, by="no such workflow", at=EPOCH) is not None
    repositories.close()


def _live(node: RunningNode, seconds: float) -> None:
    """Let the node work for a while; it must not end by itself."""
    assert node.process is not None
    with pytest.raises(subprocess.TimeoutExpired):
        node.process.wait(timeout=seconds)


def _wait_for_deliveries(node: RunningNode, count: int) -> None:
    deliveries = node.repositories().deliveries
    node.wait_for(
        "all deliveries",
        lambda: deliveries.counts() == {("PACS", DeliveryState.DELIVERED): count},
    )


def _assert_one_report_each(pacs: StoreScp, studies: set[str]) -> None:
    datasets: list[Dataset] = [dcmread(path, stop_before_pixels=True) for path in pacs.files()]
    reports = Counter(each.StudyInstanceUID for each in datasets if each.SOPClassUID == _SR)
    assert reports == Counter(studies)
    # A repeated delivery overwrites: the same object, under the same UID.
    uids = [each.SOPInstanceUID for each in datasets]
    assert len(uids) == len(set(uids))
