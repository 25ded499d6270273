"""An expert's verdict becomes a successor report with the shape of the one it replaces."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydicom import Dataset

from ai_engine.prediction import Code, Region
from sr_templates.errors import EvidenceError
from sr_templates.expert_reading import ExpertReading, Observer, Statement
from sr_templates.measurement_report import build_measurement_report
from sr_templates.report_reading import (
    evidence_of,
    predecessors_of,
    reported_findings,
    reported_regions,
    unread_findings,
)
from sr_templates.validation import problems
from sr_templates.verified_report import build_verified_report
from tests.unit.sr_templates.builders import (
    ABNORMAL,
    IMAGE,
    LUNG,
    PNEUMONIA,
    a_context,
    a_finding,
    a_prediction,
    a_source,
    an_image,
)

PNEUMONIA_CODE = (PNEUMONIA.value, PNEUMONIA.scheme)
ABNORMAL_CODE = (ABNORMAL.value, ABNORMAL.scheme)


def a_statement(**changes: Any) -> Statement:
    statement = Statement(
        image_uid=IMAGE,
        frame_number=None,
        title="Pneumonia",
        code=PNEUMONIA,
        site=LUNG,
        present=True,
        words="Confirmed.",
        probability=0.873,
        threshold=0.5,
        reported_as=PNEUMONIA,
    )
    return replace(statement, **changes)


def an_observer(**changes: Any) -> Observer:
    observer = Observer(name="Expert^Ada", organisation="Clinic", may_verify=True)
    return replace(observer, **changes)


def a_reading(*statements: Statement, **changes: Any) -> ExpertReading:
    reading = ExpertReading(
        observers=(an_observer(),),
        decided_at=datetime(2026, 3, 4, 6, tzinfo=UTC),
        statements=statements or (a_statement(),),
    )
    return replace(reading, **changes)


@pytest.fixture(scope="module")
def ai_report() -> Dataset:
    return build_measurement_report(a_prediction(), [a_source()], a_context())


def verified(ai_report: Dataset, *statements: Statement, **changes: Any) -> Dataset:
    prediction = a_prediction()
    return build_verified_report(
        ai_report,
        [a_source()],
        prediction.model,
        a_reading(*statements, **changes),
        a_context(),
    )


def texts_of(report: Dataset) -> list[str]:
    """Return the texts that stand in the report's containers, in order."""
    return [
        str(item.TextValue)
        for container in report.ContentSequence
        for item in container.get("ContentSequence", [])
        if item.ValueType == "TEXT"
    ]


def test_a_confirmed_report_is_a_verified_successor_in_the_same_series(ai_report: Dataset) -> None:
    report = verified(ai_report)
    assert problems(report, [a_source()]) == ()
    assert (report.CompletionFlag, report.VerificationFlag) == ("COMPLETE", "VERIFIED")
    assert report.SeriesInstanceUID == ai_report.SeriesInstanceUID
    assert report.InstanceNumber == ai_report.InstanceNumber + 1
    assert predecessors_of(report) == (ai_report.SOPInstanceUID,)
    assert evidence_of(report) == (IMAGE,)
    (observer,) = report.VerifyingObserverSequence
    assert observer.VerifyingObserverName == "Expert^Ada"
    assert observer.VerifyingOrganization == "Clinic"
    assert "ParticipantSequence" not in report


def test_a_confirmed_finding_keeps_its_outline_and_its_tracking_uid(ai_report: Dataset) -> None:
    (before,), (after,) = reported_regions(ai_report), reported_regions(verified(ai_report))
    assert after.tracking_uid == before.tracking_uid
    assert (after.points == before.points).all()
    assert after.code == before.code == PNEUMONIA_CODE


def test_a_drawn_box_takes_the_place_of_the_outline(ai_report: Dataset) -> None:
    box = Region(left=10, top=20, right=30, bottom=50)
    (region,) = reported_regions(verified(ai_report, a_statement(box=box)))
    assert region.points.tolist() == [[10, 20], [30, 20], [30, 50], [10, 50], [10, 20]]
    assert region.tracking_uid == reported_regions(ai_report)[0].tracking_uid


def test_an_added_finding_has_a_tracking_uid_of_its_own(ai_report: Dataset) -> None:
    box = Region(left=1, top=2, right=3, bottom=4)
    added = a_statement(
        title="Abnormality",
        code=ABNORMAL,
        reported_as=None,
        probability=None,
        threshold=None,
        words="Added by the reader.",
        box=box,
    )
    report = verified(ai_report, a_statement(), added)
    assert problems(report, [a_source()]) == ()
    regions = {each.code: each for each in reported_regions(report)}
    assert regions.keys() == {PNEUMONIA_CODE, ABNORMAL_CODE}
    assert regions[ABNORMAL_CODE].tracking_uid != regions[PNEUMONIA_CODE].tracking_uid


@pytest.mark.parametrize("present", [False, None])
def test_a_finding_that_is_not_there_or_cannot_be_told_has_no_outline(
    ai_report: Dataset, present: bool | None
) -> None:
    report = verified(ai_report, a_statement(present=present, words="Rejected."))
    assert problems(report, [a_source()]) == ()
    assert reported_regions(report) == ()
    (said,) = reported_findings(report)
    assert (said.image_uid, said.code, said.present) == (IMAGE, PNEUMONIA_CODE, present)


def test_what_the_expert_calls_otherwise_keeps_its_place(ai_report: Dataset) -> None:
    changed = a_statement(title="Abnormality", code=ABNORMAL, words="Changed from Pneumonia.")
    (region,) = reported_regions(verified(ai_report, changed))
    assert region.code == ABNORMAL_CODE
    assert region.tracking_uid == reported_regions(ai_report)[0].tracking_uid


def test_what_is_called_otherwise_stands_beside_what_was_there_already() -> None:
    nodule = Code(value="27925004", scheme="SCT", meaning="Nodule")
    prediction = a_prediction(
        an_image(a_finding(), a_finding(label="nodule", title="Nodule", code=nodule))
    )
    before = build_measurement_report(prediction, [a_source()], a_context())
    there = a_statement(title="Nodule", code=nodule, reported_as=nodule, laterality="R")
    renamed = replace(there, reported_as=PNEUMONIA, laterality="L", probability=None)
    gone = a_statement(present=False, words="Changed by the reader.")
    report = verified(before, gone, there, renamed)
    assert problems(report, [a_source()]) == ()
    regions = reported_regions(report)
    assert {each.code for each in regions} == {(nodule.value, nodule.scheme)}
    assert {each.tracking_uid for each in regions} == {
        each.tracking_uid for each in reported_regions(before)
    }
    named = [
        item.TextValue
        for each in report.ContentSequence[-2].ContentSequence
        for item in each.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeMeaning == "Tracking Identifier"
    ]
    assert named == ["Nodule", "Nodule (area 2)"]


def test_who_may_not_verify_attests(ai_report: Dataset) -> None:
    report = verified(ai_report, observers=(an_observer(may_verify=False),))
    assert report.VerificationFlag == "UNVERIFIED"
    assert "VerifyingObserverSequence" not in report
    (participant,) = report.ParticipantSequence
    assert participant.ParticipationType == "ATTEST"
    assert participant.PersonName == "Expert^Ada"


def test_a_verifier_and_an_attestor_both_stand_in_the_report(ai_report: Dataset) -> None:
    both = (an_observer(name="Trainee^Ben", may_verify=False), an_observer())
    report = verified(ai_report, observers=both)
    assert report.VerificationFlag == "VERIFIED"
    assert len(report.VerifyingObserverSequence) == len(report.ParticipantSequence) == 1


def test_the_observer_is_who_verifies_in_whatever_order_they_read(ai_report: Dataset) -> None:
    both = (an_observer(), an_observer(name="Trainee^Ben", may_verify=False))
    for observers in (both, both[::-1]):
        report = verified(ai_report, observers=observers)
        named = [
            str(each.PersonName) for each in report.ContentSequence if each.ValueType == "PNAME"
        ]
        assert named == ["Expert^Ada"]
        *_, summary = texts_of(report)
        assert summary.startswith("Verified by one reader, attested by one reader.")


def test_the_same_reading_gives_the_same_object(ai_report: Dataset) -> None:
    assert verified(ai_report).SOPInstanceUID == verified(ai_report).SOPInstanceUID
    later = verified(ai_report, decided_at=datetime(2026, 3, 5, tzinfo=UTC))
    assert later.SOPInstanceUID != verified(ai_report).SOPInstanceUID


def test_what_cannot_be_reported_says_why(ai_report: Dataset) -> None:
    with pytest.raises(EvidenceError, match="nobody"):
        verified(ai_report, observers=())
    with pytest.raises(EvidenceError, match="not among the sources"):
        verified(ai_report, a_statement(image_uid="1.2.3"))


def test_the_ai_report_reads_back_as_it_was_written(ai_report: Dataset) -> None:
    said = {(each.code, each.present) for each in reported_findings(ai_report)}
    assert (PNEUMONIA_CODE, True) in said
    assert (ABNORMAL_CODE, False) in said


def test_the_nodes_own_reports_leave_no_finding_in_doubt(ai_report: Dataset) -> None:
    concepts = (PNEUMONIA_CODE, ABNORMAL_CODE)
    box = Region(left=10, top=20, right=30, bottom=50)
    for report in (
        ai_report,
        verified(ai_report, a_statement(laterality="L", box=box)),
        verified(ai_report, a_statement(present=False), a_statement(code=ABNORMAL, present=None)),
    ):
        assert unread_findings(report, concepts) == ()
        assert {each.code for each in reported_findings(report)} <= set(concepts)
