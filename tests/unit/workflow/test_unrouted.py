"""A study that no route wants leaves its reason in the PACS, once, and gives way to a result."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import Dataset
from pydicom.uid import (
    ComprehensiveSRStorage,
    DigitalXRayImageStorageForPresentation,
    EncapsulatedPDFStorage,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    SegmentationStorage,
)

from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.study import StudyState
from dicom_node.workflow.analysis.route import Routing
from sr_templates.evidence_kind import EvidenceKind
from tests.unit.builders import STUDY
from tests.unit.workflow.test_pipeline import CHEST, ROUTING_IDENTITY, Works

pytestmark = pytest.mark.slow


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    return Works(engine, tmp_path)


def _made(works: Works) -> list[EvidenceObject]:
    jobs = works.hotbase.jobs(STUDY)
    return [each for job in jobs for each in works.hotbase.evidence(job["job_id"])]


def _words(report: Dataset) -> str:
    return "; ".join(str(each.value) for each in report.iterall() if each.VR in ("LO", "UT"))


def _predecessors(report: Dataset) -> list[str]:
    return [
        item.ReferencedSOPInstanceUID
        for study in report.get("PredecessorDocumentsSequence") or []
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    ]


def test_the_reason_goes_to_the_senders_destinations_as_a_report_of_the_nodes_routing(
    works: Works,
) -> None:
    works.receive("1.2.3.1", Modality="US")
    works.analyse()
    (told,) = _made(works)
    assert (told.kind, told.problems) == (EvidenceKind.SR, ())
    assert [each.destination for each in works.waiting()] == ["PACS"]
    report = works.objects.evidence(told.path)
    assert report.StudyInstanceUID == STUDY
    text = _words(report)
    assert "No model for this study" in text
    assert "No algorithms succeeded; without findings" in text
    assert "chest: the modality is not one of DX" in text
    (equipment,) = report.ContributingEquipmentSequence
    assert (equipment.ManufacturerModelName, equipment.SoftwareVersions) == (
        "dicom-node-routing",
        "0",
    )
    assert "sha256" not in text


def test_status_can_say_of_each_series_why_it_was_not_analysed(works: Works) -> None:
    works.receive("1.2.3.1", Modality="US")
    works.analyse()
    (job,) = works.hotbase.jobs(STUDY)
    (refusal,) = works.hotbase.refusals(job["job_id"])
    assert refusal["reason"] == "no model for this study"
    assert refusal["detail"] == "chest: the modality is not one of DX"


def test_a_name_that_a_sender_wrote_into_a_tag_stays_out_of_the_reason(works: Works) -> None:
    works.receive("1.2.3.1", Modality="DOE JANE")
    works.analyse()
    (told,) = _made(works)
    assert "DOE JANE" not in _words(works.objects.evidence(told.path))


def test_more_images_of_the_series_or_the_same_study_again_say_it_no_second_time(
    works: Works,
) -> None:
    works.receive("1.2.3.2", Modality="US")
    works.analyse("w1")
    works.clock.advance(60)
    works.receive("1.2.3.1", Modality="US")
    again = works.analyse("w2")
    assert len(_made(works)) == 1
    assert "report not routed" not in again.names


def test_another_unwanted_series_leads_to_a_successor_in_the_same_series(works: Works) -> None:
    works.receive("1.2.3.1", Modality="US")
    works.analyse("w1")
    works.clock.advance(60)
    works.receive("1.2.3.2", Modality="MR", SeriesInstanceUID=f"{STUDY}.2")
    works.analyse("w2")
    first, second = (works.objects.evidence(each.path) for each in _made(works))
    assert first.SeriesInstanceUID == second.SeriesInstanceUID
    assert (_predecessors(second), second.InstanceNumber) == ([first.SOPInstanceUID], 2)


def test_a_later_image_with_a_result_supersedes_the_report_that_there_is_none(works: Works) -> None:
    works.receive("1.2.3.1", Modality="US")
    works.analyse("w1")
    (told,) = _made(works)
    works.clock.advance(60)
    works.receive("1.2.3.2")
    works.analyse("w2")
    assert works.index.study(STUDY).state is StudyState.ANALYSED
    reports = [works.objects.evidence(e.path) for e in _made(works) if e.kind is EvidenceKind.SR]
    (result,) = (each for each in reports if each.SOPInstanceUID != told.sop_instance_uid)
    assert _predecessors(result) == [told.sop_instance_uid]
    assert result.InstanceNumber == 1, "it is the first of its own series"


@pytest.mark.parametrize(
    "sop_class",
    [
        ComprehensiveSRStorage,
        EncapsulatedPDFStorage,
        GrayscaleSoftcopyPresentationStateStorage,
        KeyObjectSelectionDocumentStorage,
        SegmentationStorage,
    ],
)
def test_what_others_made_of_images_is_no_cause_for_a_report(works: Works, sop_class: str) -> None:
    works.receive("1.2.3.1", SOPClassUID=sop_class, Modality="OT")
    works.analyse()
    assert works.index.study(STUDY).state is StudyState.NOT_ROUTED
    assert works.hotbase.jobs(STUDY) == ()


def test_what_the_node_made_itself_and_a_pacs_sends_back_is_no_cause_for_a_report(
    works: Works,
) -> None:
    works.receive("1.2.3.1")
    works.analyse("w1")
    overlay = next(each for each in _made(works) if each.kind is EvidenceKind.SC)
    study = works.index.study(STUDY)
    assert study.state is StudyState.ANALYSED
    works.receive(overlay.sop_instance_uid, Modality="OT", SeriesInstanceUID=f"{STUDY}.9")
    instances = [each.sop_instance_uid for each in works.index.instances(STUDY)]
    assert works.hotbase.own_objects(instances) == {overlay.sop_instance_uid: overlay.job_id}
    works.analyse("w2")
    assert len(works.hotbase.jobs(STUDY)) == 1


def test_an_image_class_without_pixels_gets_its_reason_too(works: Works) -> None:
    works.receive("1.2.3.1", Rows=None, PixelData=None)
    works.analyse()
    (told,) = _made(works)
    assert "chest: no pixel data" in _words(works.objects.evidence(told.path))
    assert told.problems == ()


def test_a_node_that_shall_not_say_so_says_nothing(works: Works) -> None:
    silent = Routing(
        routes=lambda: (CHEST,),
        index=works.index,
        results=works.hotbase,
        ae_titles=works.ae_titles,
        patients=works.patients,
        models=works.models,
        clock=works.clock,
        identity=ROUTING_IDENTITY,
        tells_unrouted=False,
    )
    works.receive("1.2.3.1", Modality="US")
    study = works.corridor.completion.claim(STUDY, "w1")
    assert study is not None
    routed = silent.route(study)
    assert (routed.unrouted, routed.done_before) == (None, ())
    assert routed.reason


def test_an_archive_that_is_away_leaves_the_job_to_be_done_once_it_is_back(
    works: Works, tmp_path: Path
) -> None:
    works.receive("1.2.3.1", Modality="US", SOPClassUID=DigitalXRayImageStorageForPresentation)
    (tmp_path / "evidence").rename(tmp_path / "away")
    works.analyse("w1")
    assert works.index.study(STUDY).state is StudyState.NOT_ROUTED
    (job,) = works.hotbase.jobs(STUDY)
    assert job["state"] == "pending", "the engine waits for it, and begins the step again"
    (tmp_path / "away").rename(tmp_path / "evidence")
    assert works.index.reopen(STUDY) is not None
    works.analyse("w2")
    assert len(_made(works)) == 1
