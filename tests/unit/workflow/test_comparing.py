"""A result is compared with the last one of the patient that a person has verified."""

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydicom import Dataset

from dicom_node.domain.review.review import Judgement, Reviewer, ReviewerRole, Verdict
from dicom_node.persistence.corridor.priors import PriorStore
from dicom_node.workflow.priors.comparing import Comparing, verified_words
from dicom_node.workflow.testing.fakes import InlineSteps
from sr_templates.evidence_kind import EvidenceKind
from tests.unit.builders import STUDY
from tests.unit.sr_templates.test_verified_report import texts_of
from tests.unit.workflow.test_pipeline import Works
from tests.unit.workflow.test_review_corridor import ADA, decide, only_item, say

pytestmark = pytest.mark.slow

EARLIER_IMAGE, IMAGE, LATER = "1.2.3.1", "1.2.3.2", "1.2.826.0.1.2"


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    made = Works(engine, tmp_path)
    comparing = Comparing(
        studies=PriorStore(engine),
        results=made.hotbase,
        review_queue=made.review_queue,
        external=made.external,
        received=made.index,
    )
    made.corridor.reporting._before = comparing.before
    made.receive(EARLIER_IMAGE, BodyPartExamined="CHEST")
    made.analyse("first")
    return made


def verify(works: Works, reviewer: Reviewer = ADA, **more: object) -> None:
    item = only_item(works)
    verdict = Verdict(
        item_id=item.item_id,
        reviewer=reviewer,
        findings=(say(Judgement.REJECTED),),
        **more,  # type: ignore[arg-type]
    )
    decide(works, verdict)
    works.corridor.conclude(item.item_id, InlineSteps())


def report_of_later(works: Works, **changes: str) -> Dataset:
    said = {"StudyDate": "20260301", "BodyPartExamined": "CHEST", **changes}
    works.receive(IMAGE, StudyInstanceUID=LATER, SeriesInstanceUID=f"{LATER}.1", **said)
    works.corridor.analyse(LATER, InlineSteps(workflow_id="later"))
    (job,) = works.hotbase.jobs(LATER)
    (report,) = [
        works.objects.evidence(each.path)
        for each in works.hotbase.evidence(job["job_id"])
        if each.kind is EvidenceKind.SR
    ]
    return report


def comparison(report: Dataset) -> list[str]:
    return [each for each in texts_of(report) if each.startswith("Compared with")]


def test_a_report_says_what_was_verified_last_and_how_the_figure_has_changed(works: Works) -> None:
    verify(works)
    report = report_of_later(works)
    (words,) = comparison(report)
    assert words == (
        "Compared with the verified result of 2026-01-01: Pulmonary opacity 90.0 % then, absent by "
        "the reader, 90.0 % now (+0.0 percentage points)."
    )
    assert verified_words(works.review_queue, STUDY) == (
        "A model that always says the same: no finding (verified 2026-01-01)",
    )
    (study,) = report.PertinentOtherEvidenceSequence
    assert study.StudyInstanceUID == STUDY


@pytest.mark.parametrize("judged", ["not at all", "by an attestor", "as unusable"])
def test_what_nobody_has_verified_is_compared_with_nothing(works: Works, judged: str) -> None:
    if judged == "by an attestor":
        verify(works, replace(ADA, role=ReviewerRole.ATTESTOR))
    if judged == "as unusable":
        verify(works, rejected=True, comment="wrong exposure")
    assert comparison(report_of_later(works)) == []


@pytest.mark.parametrize(
    "changes",
    [{"PatientID": "2"}, {"PatientName": "Other^Name"}, {"StudyDate": "20251231"}],
    ids=["another ID", "another name", "taken before"],
)
def test_only_an_earlier_study_of_the_same_patient_is_compared_with(
    works: Works, changes: dict[str, str]
) -> None:
    verify(works)
    assert comparison(report_of_later(works, **changes)) == []
