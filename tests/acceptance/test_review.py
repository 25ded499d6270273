"""A verdict on a result comes back to the PACS as a verified report, and into the Warehouse.

Real parts throughout: DCMTK sends, the node runs by its public command, Orthanc is the PACS.
"""

from pathlib import Path

import pytest
from pydicom import Dataset, dcmread

from dicom_node.domain.review.queue import ItemFilter
from dicom_node.domain.review.review import ReviewState
from dicom_node.domain.warehouse import Verification
from sr_templates.report_reading import predecessors_of
from tests.acceptance.conftest import MODALITY, Hospital
from tests.acceptance.test_corridor import _chest, _errors_of_dciodvfy
from tests.peers.dcmtk import dcmsend, run

pytestmark = pytest.mark.peer
_PASSWORD = "correct horse battery"  # noqa: S105 - of a test's own user


def _decided(hospital: Hospital, folder: Path, *options: str, by: str) -> tuple[str, Dataset]:
    """Send a study, decide its item by the command line; return the item and the AI's report."""
    node = hospital.node
    path = hospital.fresh(_chest(), folder)
    done = dcmsend(node.peer, [path], calling=MODALITY)
    assert done.returncode == 0, done.stderr
    (report,), _ = hospital.wait_for_reports()
    repositories = node.repositories()
    wanted = ItemFilter(study_instance_uid=report.StudyInstanceUID)
    (item,) = node.wait_for(
        "an item to wait", lambda: repositories.review_queue().items(wanted).items
    )
    repositories.close()
    node.environment["DICOM_NODE_NEW_PASSWORD"] = _PASSWORD
    title = f"Expert^{by.title()}"
    added = node.ask("users", "add", by, "--role", "expert", "--title", title)
    assert added.returncode == 0, added.stderr
    decided = node.ask("review", "decide", item.item_id, "--as", by, *options)
    assert "Decided." in decided.stdout, decided.stderr
    return item.item_id, report


def test_a_confirmed_study_is_verified_in_the_pacs_and_filed_under_its_device(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    hospital = shared_hospital
    item_id, ai_report = _decided(hospital, tmp_path, "--confirm", "--comment", "Agreed", by="ada")
    reports, _ = hospital.wait_for_reports(2)
    (verified,) = [each for each in reports if each.VerificationFlag == "VERIFIED"]
    assert predecessors_of(verified) == (ai_report.SOPInstanceUID,)
    assert verified.SeriesInstanceUID == ai_report.SeriesInstanceUID
    assert verified.VerifyingObserverSequence[0].VerifyingObserverName == "Expert^Ada"
    assert _errors_of_dciodvfy(verified, tmp_path) == []
    assert run("dsrdump", tmp_path / f"{verified.SOPInstanceUID}.dcm").returncode == 0

    repositories = hospital.node.repositories()
    record = repositories.warehouse.record(item_id)
    assert record.verification is Verification.VERIFIED
    assert record.verdict_object_uid == verified.SOPInstanceUID
    assert record.ai_report_uid == ai_report.SOPInstanceUID
    (image,) = record.images
    filed = repositories.warehouse_files.path(image.path)
    assert filed.parent.parent.name == record.device.device_id
    assert dcmread(filed, stop_before_pixels=True).SOPInstanceUID == image.sop_instance_uid
    assert {each.sop_instance_uid for each in record.truths} == {image.sop_instance_uid}
    assert record.device.device_id in hospital.node.ask("warehouse", "counts").stdout
    repositories.close()


def test_a_rejected_result_is_rejected_in_the_pacs(
    shared_hospital: Hospital, tmp_path: Path
) -> None:
    hospital = shared_hospital
    why = ("--reject-result", "--comment", "Wrong patient")
    item_id, ai_report = _decided(hospital, tmp_path, *why, by="bert")

    def arrived() -> list[Dataset]:
        return [each for each in hospital.objects() if each.Modality == "KO"]

    (rejection,) = hospital.node.wait_for("the rejection in the PACS", arrived)
    assert rejection.ConceptNameCodeSequence[0].CodeMeaning == "Rejected for Quality Reasons"
    assert ai_report.SOPInstanceUID in str(rejection.CurrentRequestedProcedureEvidenceSequence)
    assert _errors_of_dciodvfy(rejection, tmp_path) == []
    repositories = hospital.node.repositories()
    assert repositories.review_queue().item(item_id).state is ReviewState.DECIDED
    assert repositories.warehouse.record(item_id).verification is Verification.REJECTED
    repositories.close()
