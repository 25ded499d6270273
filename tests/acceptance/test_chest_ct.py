"""A real chest CT comes back measured, whatever the order of its slices, or says why it is not."""

import time
from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_node.domain.study import StudyState
from tests.acceptance.running import RunningNode
from tests.integration.sr_templates.validators import dciodvfy_errors, dsrdump_complaints
from tests.peers.data import dicom_folder
from tests.peers.dcmtk import StoreScp, dcmsend, storescp
from tests.peers.objects import words_of
from tests.peers.process import is_busy

pytestmark = pytest.mark.peer

CT = "CT1"
SECONDS = 10.0
"""From the last slice's response to the report, on two cores with nothing else to do."""


def _slices() -> list[Path]:
    return sorted(dicom_folder("ct-nlst").glob("*.dcm"))


def _pair(node: RunningNode, pacs: StoreScp, evidence: str) -> None:
    node.add_ae("PACS", pacs.peer.port, "pacs", "--evidence", evidence)
    node.add_ae(CT, 104, "modality", "--destination", "PACS", "--quiet-period", "1")


def _received(pacs: StoreScp) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in pacs.files():
        found.setdefault(str(dcmread(path, stop_before_pixels=True).Modality), []).append(path)
    return found


def test_a_chest_ct_comes_back_with_its_lungs_measured(node: RunningNode, tmp_path: Path) -> None:
    slices = _slices()
    with storescp(tmp_path / "pacs", ae_title="PACS") as pacs:
        _pair(node, pacs, "sr,sc,seg,ko,pdf")
        # File names are by UID, so that this is not the order of the slices.
        assert dcmsend(node.peer, slices, calling=CT).returncode == 0
        sent, spent_before = time.monotonic(), node.processor_seconds()
        study = dcmread(slices[0], stop_before_pixels=True).StudyInstanceUID
        assert node.settled(study).state is StudyState.ANALYSED
        node.wait_for("all results", node.has_delivered)
        took, spent = time.monotonic() - sent, node.processor_seconds() - spent_before
        received = _received(pacs)
        # The reference report beside the series marks a tumour at the left apex: it is a key image.
        assert set(received) == {"SR", "OT", "SEG", "DOC", "KO"}
        for path in pacs.files():
            assert dciodvfy_errors(path) == []
        assert dsrdump_complaints(received["SR"][0]) == []
    report = dcmread(received["SR"][0])
    assert "There are 143 slices in total" in words_of(report)
    segmentation = dcmread(received["SEG"][0])
    assert [item.SegmentLabel for item in segmentation.SegmentSequence] == [
        "Right lung",
        "Left lung",
        "Nodule",
    ]
    measured = {
        (row["name"], row["site"]): row["value"]
        for job in node.repositories().hotbase.jobs(study)
        for row in node.repositories().hotbase.measurements(job["job_id"])
    }
    assert measured["volume", "right lung"] == pytest.approx(2244, abs=10)
    assert measured["volume", "left lung"] == pytest.approx(1964, abs=10)
    if not is_busy():
        assert took < SECONDS
    assert spent < 2 * SECONDS


def test_a_ct_with_missing_slices_says_so_instead(node: RunningNode, tmp_path: Path) -> None:
    ordered = sorted(
        _slices(), key=lambda path: dcmread(path, stop_before_pixels=True).ImagePositionPatient[2]
    )
    with storescp(tmp_path / "pacs", ae_title="PACS") as pacs:
        _pair(node, pacs, "sr,sc,seg,ko,pdf")
        assert dcmsend(node.peer, ordered[:40] + ordered[50:], calling=CT).returncode == 0
        study = dcmread(ordered[0], stop_before_pixels=True).StudyInstanceUID
        assert node.settled(study).state is StudyState.ANALYSED
        node.wait_for("the report", node.has_delivered)
        received = _received(pacs)
        assert dciodvfy_errors(received["SR"][0]) == []
    assert set(received) == {"SR"}
    assert "Not analysed, because slices are missing: about 10 after slice " in words_of(
        dcmread(received["SR"][0])
    )
