"""A study that names several patients has no result under any until a person has decided."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import Dataset

from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.patient import PatientDecision
from dicom_node.domain.study import StudyState
from dicom_node.persistence.corridor.tables import AUDIT
from dicom_node.workflow.analysis.patients import named_patients
from sr_templates.evidence_kind import EvidenceKind
from tests.unit.builders import STUDY
from tests.unit.workflow.test_pipeline import Works

pytestmark = pytest.mark.slow

JANE = {"PatientID": "4711", "PatientName": "Doe^Jane", "PatientBirthDate": "19600131"}
RICHARD = {"PatientID": "4712", "PatientName": "Roe^Richard", "PatientBirthDate": "19700228"}


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    return Works(engine, tmp_path)


@pytest.fixture
def two_patients(works: Works) -> Works:
    works.receive("1.2.3.1", **JANE)
    works.receive("1.2.3.2", **JANE)
    works.receive("1.2.3.3", **RICHARD)
    return works


def evidence(works: Works) -> list[EvidenceObject]:
    jobs = works.hotbase.jobs(STUDY)
    return [each for job in jobs for each in works.hotbase.evidence(job["job_id"])]


def reports(works: Works) -> dict[str, Dataset]:
    """Return the reports that are not held, the newest of each Patient ID."""
    found = [each for each in evidence(works) if each.kind is EvidenceKind.SR and not each.is_held]
    read = [works.objects.evidence(each.path) for each in found]
    return {str(each.PatientID): each for each in read}


def words(report: Dataset) -> str:
    return "; ".join(str(each.value) for each in report.iterall() if each.VR in ("LO", "UT"))


def decided(works: Works, number: int, *, is_same: bool = False) -> PatientDecision:
    patients = named_patients(works.index.instances(STUDY))
    decision = PatientDecision(
        keys=patients[number - 1].keys,
        known=tuple(key for each in patients for key in each.keys),
        is_same=is_same,
        actor="dr.house",
        at=works.clock(),
        why="asked the ward",
    )
    works.patient_decisions.decide(STUDY, decision)
    works.index.reopen(STUDY)
    return decision


def test_two_patients_in_one_study_get_no_result_and_each_folder_says_why(
    two_patients: Works,
) -> None:
    works = two_patients
    works.analyse()
    assert works.models.calls == 0
    assert {each.kind for each in evidence(works)} == {EvidenceKind.SR}
    assert all(each.problems == () for each in evidence(works))
    told = reports(works)
    assert set(told) == {"4711", "4712"}
    for report in told.values():
        assert "More than one patient in the study" in words(report)
        assert "No algorithms succeeded; without findings" in words(report)
        assert "until a person has decided" in words(report)
    assert [each.destination for each in works.waiting()] == ["PACS", "PACS"]


def test_neither_folder_says_who_the_other_patient_is(two_patients: Works) -> None:
    two_patients.analyse()
    told = reports(two_patients)
    for own, other in (("4711", RICHARD), ("4712", JANE)):
        text = told[own].to_json()
        assert not any(value in text for value in other.values())
    series = {each.SeriesInstanceUID for each in told.values()}
    assert len(series) == 2, "a series is of one patient"


def test_status_says_how_the_patients_differ_without_naming_them(two_patients: Works) -> None:
    two_patients.analyse()
    study = two_patients.index.study(STUDY)
    assert study.state is StudyState.UNDECIDED
    assert "2 different patients" in study.reason
    assert "Patient ID (0010,0020)" in study.reason
    assert "Patient's Name (0010,0010)" in study.reason
    assert not any(value in study.reason for value in (*JANE.values(), *RICHARD.values()))
    assert two_patients.index.undecided() == (study,)


@pytest.mark.parametrize(
    "change",
    [
        {"PatientID": "4712"},
        {"PatientID": ""},
        {"PatientName": "Roe^Richard"},
        {"PatientBirthDate": "19700228"},
    ],
)
def test_one_attribute_that_names_another_patient_is_enough(
    works: Works, change: dict[str, str]
) -> None:
    works.receive("1.2.3.1", **JANE)
    works.receive("1.2.3.2", **{**JANE, **change})
    works.analyse()
    assert works.models.calls == 0
    assert works.index.study(STUDY).state is StudyState.UNDECIDED


def test_a_name_in_other_letters_is_the_same_patient(works: Works) -> None:
    works.receive("1.2.3.1", **JANE)
    works.receive("1.2.3.2", **{**JANE, "PatientName": "DOE^JANE^^^"})
    works.analyse()
    assert works.index.study(STUDY).state is StudyState.ANALYSED


def test_a_late_image_of_another_patient_holds_the_study_and_leaves_the_result_as_it_is(
    works: Works,
) -> None:
    works.receive("1.2.3.1", **JANE)
    works.analyse("w1")
    made = evidence(works)
    works.receive("1.2.3.2", **RICHARD)
    works.analyse("w2")
    assert works.index.study(STUDY).state is StudyState.UNDECIDED
    assert works.models.calls == 1
    assert set(made) <= set(evidence(works))


def test_a_decision_has_the_chosen_patients_images_analysed_and_the_result_says_who_decided(
    two_patients: Works,
) -> None:
    works = two_patients
    works.analyse("w1")
    before = reports(works)
    works.clock.advance(60)
    decided(works, 1)
    works.analyse("w2")
    assert works.index.study(STUDY).state is StudyState.ANALYSED
    after = reports(works)
    assert "decided by dr.house on 2026-01-01" in words(after["4711"])
    assert "Images of others were left out" in words(after["4711"])
    (item,) = after["4711"].PredecessorDocumentsSequence[0].ReferencedSeriesSequence
    (replaced,) = item.ReferencedSOPSequence
    assert replaced.ReferencedSOPInstanceUID == before["4711"].SOPInstanceUID
    assert after["4712"].SOPInstanceUID == before["4712"].SOPInstanceUID
    analysed = {
        each["sop_instance_uid"]
        for job in works.hotbase.jobs(STUDY)
        for each in works.hotbase.findings(job["job_id"])
    }
    assert analysed == {"1.2.3.1", "1.2.3.2"}
    assert not any(each.is_held for each in evidence(works))


def test_images_that_are_the_same_patients_after_all_are_analysed_together(works: Works) -> None:
    works.receive("1.2.3.1", **{**JANE, "PatientName": "Smith^Jane"})
    works.receive("1.2.3.2", **JANE)
    works.receive("1.2.3.3", **JANE)
    works.analyse("w1")
    decided(works, 1, is_same=True)
    works.analyse("w2")
    assert works.index.study(STUDY).state is StudyState.ANALYSED
    (report,) = (each for each in works.reports() if "dr.house" in words(each))
    assert report.PatientName == "Doe^Jane", "the one that was decided on"
    assert "All images count as this patient's" in words(report)
    assert not any(each.is_held for each in evidence(works))


@pytest.mark.slow
def test_a_patient_whom_the_person_did_not_see_is_for_a_person_again(two_patients: Works) -> None:
    works = two_patients
    works.analyse("w1")
    decided(works, 1)
    works.analyse("w2")
    works.receive("1.2.3.4", **{**JANE, "PatientID": "4713"})
    works.analyse("w3")
    assert works.index.study(STUDY).state is StudyState.UNDECIDED


def test_the_audit_keeps_who_decided_and_why(two_patients: Works) -> None:
    works = two_patients
    works.analyse("w1")
    decision = decided(works, 2)
    with works.engine.connect() as connection:
        rows = connection.execute(sa.select(AUDIT)).mappings().all()
    (row,) = (each for each in rows if each["action"] == "study patient decided")
    assert (row["actor"], row["subject"], row["at"]) == ("dr.house", STUDY, works.clock())
    assert row["detail"]["why"] == "asked the ward"
    assert works.patient_decisions.of_study(STUDY) == decision
