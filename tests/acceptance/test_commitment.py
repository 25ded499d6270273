"""Storage commitment both ways between a node that runs by its public command and an Orthanc."""

from pathlib import Path

import pytest
from pydicom import dcmread

from tests.acceptance.conftest import MODALITY, Hospital
from tests.acceptance.test_corridor import CHEST
from tests.peers.data import dicom_folder
from tests.peers.dcmtk import dcmsend

pytestmark = pytest.mark.peer


def test_results_are_committed_to_and_images_are(shared_hospital: Hospital, tmp_path: Path) -> None:
    node, pacs = shared_hospital.node, shared_hospital.pacs
    path = shared_hospital.fresh(dicom_folder("received") / CHEST, tmp_path)
    source = dcmread(path, stop_before_pixels=True)
    done = node.ask("ae", "set", "ORTHANC", "--proof", "commitment")
    assert done.returncode == 0, done.stderr
    try:
        assert dcmsend(node.peer, [path], calling=MODALITY).returncode == 0
        shared_hospital.wait_for_reports()
        committed = node.wait_for(
            "the PACS to commit",
            lambda: "to ORTHANC: committed" in node.ask("status", source.StudyInstanceUID).stdout,
        )
        assert committed
    finally:
        node.ask("ae", "set", "ORTHANC", "--proof", "none")
    asked = pacs.post(
        "/modalities/ainode/storage-commitment",
        {"DicomInstances": [[source.SOPClassUID, source.SOPInstanceUID]]},
    )
    node.wait_for(
        "the node to commit",
        lambda: pacs.get(f"/storage-commitment/{asked['ID']}")["Status"] != "Pending",
    )
    assert pacs.get(f"/storage-commitment/{asked['ID']}")["Status"] == "Success"
