"""A study whose analysis nobody goes on with: its row says so, and a report in the PACS does."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.job import Job
from dicom_node.domain.reception import OutOfSpaceError
from dicom_node.domain.study import StoredStudy, StudyState
from dicom_node.workflow.analysis.report import Reporting
from dicom_node.workflow.analysis.unrouted import BROKE_OFF
from tests.unit.builders import STUDY
from tests.unit.workflow.test_pipeline import Works

REASON = "internal error: MemoryError"


@pytest.fixture
def works(engine: sa.Engine, tmp_path: Path) -> Works:
    made = Works(engine, tmp_path)
    made.receive("1.2.3.1")
    assert made.corridor.completion.claim(STUDY, "w1") is not None
    return made


@pytest.mark.slow
def test_the_pacs_is_told_why(works: Works) -> None:
    works.corridor.giving_up.give_up(STUDY, "w1", REASON)
    study = works.index.study(STUDY)
    assert (study.state, study.reason) == (StudyState.FAILED, REASON)
    (report,) = works.reports()
    texts = [each.value for each in report.iterall() if each.keyword == "TextValue"]
    assert any(REASON in text for text in texts), texts
    assert "Analysis failed" in str(report)
    assert [each.destination for each in works.waiting()] == ["PACS"]


@pytest.mark.slow
def test_asked_twice_as_after_a_crash_it_is_told_once(works: Works) -> None:
    routed = works.corridor.routing.broken_off(claimed(works), REASON)
    works.corridor.reporting.report_unanswered(claimed(works), *routed.untold, routed.told)
    works.corridor.giving_up.give_up(STUDY, "w1", REASON)
    works.corridor.giving_up.give_up(STUDY, "w1", REASON)
    assert len(works.reports()) == len(works.waiting()) == 1


@pytest.mark.slow
def test_the_result_of_a_later_try_takes_the_place_of_what_was_told(works: Works) -> None:
    works.corridor.giving_up.give_up(STUDY, "w1", REASON)
    (told,) = works.reports()
    assert works.index.reopen_failed(STUDY) == 1
    works.analyse("w2")
    (result,) = (each for each in works.reports() if each.SOPInstanceUID != told.SOPInstanceUID)
    assert told.SOPInstanceUID in str(result.PredecessorDocumentsSequence)


def test_what_another_workflow_has_claimed_since_is_left_alone(works: Works) -> None:
    works.corridor.giving_up.give_up(STUDY, "w0", REASON)
    assert works.index.study(STUDY).state is StudyState.COMPLETE
    assert not works.reports()


def test_a_study_of_two_patients_is_told_under_neither(works: Works) -> None:
    works.receive("1.2.3.2", PatientID="2", PatientName="Other^Patient")
    works.corridor.completion.release(STUDY, "w1")
    assert works.corridor.completion.claim(STUDY, "w2") is not None
    works.corridor.giving_up.give_up(STUDY, "w2", REASON)
    assert works.index.study(STUDY).state is StudyState.FAILED
    assert not works.reports()


def test_what_cannot_be_told_still_ends(works: Works) -> None:
    class Mute(Reporting):
        def report_unanswered(
            self, study: StoredStudy, job: Job, told: str
        ) -> tuple[EvidenceObject, ...]:
            raise MemoryError

    works.corridor.reporting.__class__ = Mute
    with pytest.raises(MemoryError):
        works.corridor.giving_up.give_up(STUDY, "w1", REASON)
    assert works.index.study(STUDY).state is StudyState.FAILED
    assert [each["route"] for each in works.hotbase.jobs(STUDY)] == [BROKE_OFF]


@pytest.mark.slow
def test_a_full_disk_is_waited_for(works: Works) -> None:
    class Full(Reporting):
        def report_unanswered(
            self, study: StoredStudy, job: Job, told: str
        ) -> tuple[EvidenceObject, ...]:
            raise OutOfSpaceError("the disk is full")

    works.corridor.reporting.__class__ = Full
    with pytest.raises(OutOfSpaceError):
        works.corridor.giving_up.give_up(STUDY, "w1", REASON)
    assert works.index.study(STUDY).state is StudyState.COMPLETE
    works.corridor.reporting.__class__ = Reporting
    works.corridor.giving_up.give_up(STUDY, "w1", REASON)
    assert works.index.study(STUDY).state is StudyState.FAILED
    assert len(works.reports()) == 1


def claimed(works: Works) -> StoredStudy:
    """Return the study as its workflow has it."""
    study = works.corridor.completion.claimed(STUDY, "w1")
    assert study is not None
    return study
