"""A transfer that breaks off is waited for, and a result of what came of it says so."""

from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE

from dicom_node.domain.study import StudyRecord, StudyState
from tests.acceptance.conftest import MODALITY, Hospital
from tests.peers.data import dicom_folder
from tests.peers.dcmtk import dcmsend

pytestmark = pytest.mark.peer
CHEST = "canon-dx-chest-pa-monochrome1-j2k.dcm"


def _two_images(first: Path, folder: Path) -> list[Path]:
    other = dcmread(first)
    other.SOPInstanceUID = other.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    other.save_as(folder / "second.dcm")
    return [first, folder / "second.dcm"]


def _send_one_and_abort(hospital: Hospital, path: Path) -> Dataset:
    dataset = dcmread(path)
    sender = AE(MODALITY)
    sender.add_requested_context(dataset.SOPClassUID, dataset.file_meta.TransferSyntaxUID)
    peer = hospital.node.peer
    association = sender.associate("127.0.0.1", peer.port, ae_title=peer.ae_title)
    assert association.send_c_store(dataset).Status == 0
    association.abort()
    return dataset


def test_half_a_study_is_reported_as_half_and_the_retry_replaces_it(
    hospital: Hospital, tmp_path: Path
) -> None:
    hospital.node.ask("ae", "set", MODALITY, "--patience", "8")
    first, second = _two_images(dicom_folder("received") / CHEST, tmp_path)
    study = str(_send_one_and_abort(hospital, first).StudyInstanceUID)

    repositories = hospital.node.repositories()

    def interrupted() -> StudyRecord | None:
        found = [each for each in repositories.index.recent() if each.interruption]
        return found[0] if found else None

    waiting = hospital.node.wait_for("the interruption to be known", interrupted)
    repositories.close()
    assert waiting is not None
    assert waiting.state is StudyState.RECEIVING
    assert hospital.node.settled(study).state is StudyState.ANALYSED
    (half,), _ = hospital.wait_for_reports()
    assert "Transfer interrupted: the sender aborted it" in half.to_json()
    # The table folds its columns: words of one sentence stand below each other.
    assert "interrupted" in hospital.node.ask("status").stdout
    assert dcmsend(hospital.node.peer, [first, second], calling=MODALITY).returncode == 0
    hospital.node.settled(study, revision=2)
    reports, _ = hospital.wait_for_reports(2)
    (whole,) = [each for each in reports if each.SOPInstanceUID != half.SOPInstanceUID]
    assert "Transfer interrupted" not in whole.to_json()
    replaced = whole.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
    assert replaced.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == half.SOPInstanceUID
    assert "interrupted" not in hospital.node.ask("status").stdout


def test_a_retry_within_the_patience_leaves_no_trace(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    first, second = _two_images(
        shared_hospital.fresh(dicom_folder("received") / CHEST, tmp_path), tmp_path
    )
    study = str(_send_one_and_abort(shared_hospital, first).StudyInstanceUID)
    assert dcmsend(shared_hospital.node.peer, [first, second], calling=MODALITY).returncode == 0
    assert shared_hospital.node.settled(study).state is StudyState.ANALYSED
    (report,), _ = shared_hospital.wait_for_reports()
    assert "Transfer interrupted" not in report.to_json()
