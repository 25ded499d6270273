"""A whole node goes by what a modality reports, and tells who is informed where results are."""

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from dicom_node.domain.study import StudyState
from tests.acceptance.conftest import MODALITY, Hospital
from tests.acceptance.test_corridor import CHEST
from tests.peers.data import dicom_folder
from tests.peers.dcmtk import dcmsend
from tests.peers.informed import Ear, Told, listening
from tests.peers.reporter import PERFORMED_STEP, a_step, an_end, reporting

pytestmark = pytest.mark.peer


def test_a_study_waits_for_its_step_and_its_result_is_told_of(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    node, ear, step = shared_hospital.node, Ear(), generate_uid(prefix=None)
    path = shared_hospital.fresh(dicom_folder("received") / CHEST, tmp_path)
    source = dcmread(path, stop_before_pixels=True)
    study = str(source.StudyInstanceUID)
    with listening(ear, "RIS") as port:
        node.add_ae("RIS", port, "informed")
        try:
            with reporting(node.peer, MODALITY) as association:
                begun, _ = association.send_n_create(a_step(study), PERFORMED_STEP, step)
                assert begun.Status == 0x0000
                assert dcmsend(node.peer, [path], calling=MODALITY).returncode == 0
                repositories = node.repositories()
                recent = repositories.index.recent
                record = node.wait_for(
                    "the image",
                    lambda: [each for each in recent() if each.study_instance_uid == study],
                )
                assert record[0].is_under_way
                end = an_end(source.SeriesInstanceUID, source.SOPClassUID, source.SOPInstanceUID)
                ended, _ = association.send_n_set(end, PERFORMED_STEP, step)
                assert ended.Status == 0x0000
            assert node.settled(study).state is StudyState.ANALYSED
            told = node.wait_for("the RIS to be told", lambda: _of(ear, study))
        finally:
            node.ask("ae", "remove", "RIS")
    items = [
        item
        for each in told.dataset.ReferencedSeriesSequence
        for item in each.ReferencedSOPSequence
    ]
    reports, overlays = shared_hospital.wait_for_reports()
    stored = {made.SOPInstanceUID for made in (*reports, *overlays)}
    assert {item.ReferencedSOPInstanceUID for item in items} == stored
    assert {item.RetrieveAETitle for item in items} == {"ORTHANC"}
    shown = node.ask("status", study).stdout
    assert f"Performed step {step} by {MODALITY}: completed, exposures 1" in shown


def _of(ear: Ear, study: str) -> Told | None:
    with ear.changed:
        return next((each for each in ear.told if each.dataset.StudyInstanceUID == study), None)
