"""Jobs, evidence and deliveries."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from dicom_node.domain.delivery import DeliveryState
from dicom_node.domain.evidence import EvidenceObject, EvidenceSet, LeftOut
from dicom_node.domain.job import Job, JobState
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.workflow.testing.fakes import FAKE_MODEL, FakeModels
from sr_templates.evidence_kind import EvidenceKind
from tests.unit.builders import EPOCH, STUDY, an_instance

JOB = Job(
    job_id="a" * 32,
    study_instance_uid=STUDY,
    revision=1,
    route="chest",
    model=FAKE_MODEL,
    sop_instance_uids=("1.1",),
    destinations=("PACS",),
)


@pytest.fixture
def hotbase(engine: sa.Engine) -> Hotbase:
    StudyIndex(engine).record([an_instance("1.1")])
    made = Hotbase(engine)
    made.add_job(JOB, at=EPOCH)
    return made


def test_a_job_is_recorded_once_and_keeps_its_state(hotbase: Hotbase) -> None:
    hotbase.finish_job(JOB.job_id, JobState.DONE, at=EPOCH)
    assert hotbase.add_job(JOB, at=EPOCH) is JobState.DONE


def test_saying_twice_that_a_job_is_done_is_harmless(hotbase: Hotbase) -> None:
    hotbase.finish_job(JOB.job_id, JobState.DONE, at=EPOCH)
    hotbase.finish_job(JOB.job_id, JobState.DONE, at=EPOCH)


def test_a_job_whose_evidence_is_made_may_still_fail(hotbase: Hotbase) -> None:
    hotbase.finish_job(JOB.job_id, JobState.DONE, at=EPOCH)
    hotbase.finish_job(JOB.job_id, JobState.FAILED, at=EPOCH, reason="no room")
    assert hotbase.failures([JOB.job_id]) == ("chest: no room",)


def test_a_job_that_does_not_exist_cannot_finish(hotbase: Hotbase) -> None:
    with pytest.raises(ConflictError):
        hotbase.finish_job("none", JobState.DONE, at=EPOCH)


def test_failures_name_the_route_and_the_reason(hotbase: Hotbase) -> None:
    hotbase.finish_job(JOB.job_id, JobState.FAILED, at=EPOCH, reason="model gone")
    assert hotbase.failures([JOB.job_id]) == ("chest: model gone",)


def test_the_predecessor_is_the_last_finished_job_of_the_model(hotbase: Hotbase) -> None:
    successor = replace(JOB, job_id="b" * 32, revision=2)
    assert hotbase.predecessors(successor) == ()
    hotbase.finish_job(JOB.job_id, JobState.DONE, at=EPOCH)
    assert hotbase.predecessors(successor) == (JOB.job_id,)
    assert hotbase.predecessors(replace(successor, model=replace(FAKE_MODEL, name="x"))) == ()


def test_a_prediction_is_kept_finding_by_finding(hotbase: Hotbase) -> None:
    prediction = FakeModels().predict(FAKE_MODEL, [an_instance("1.1")])
    hotbase.keep_prediction(JOB.job_id, prediction, at=EPOCH)
    hotbase.keep_prediction(JOB.job_id, prediction, at=EPOCH)
    (row,) = hotbase.findings(JOB.job_id)
    assert (row["label"], row["probability"], row["threshold"]) == ("opacity", 0.9, 0.5)


def test_evidence_comes_back_as_it_was_kept(hotbase: Hotbase) -> None:
    held = EvidenceObject(
        sop_instance_uid="2.1",
        sop_class_uid="2.2",
        series_instance_uid="2.3",
        kind=EvidenceKind.SR,
        job_id=JOB.job_id,
        path="x.dcm",
        problems=("a Type 1 attribute is missing",),
    )
    hotbase.keep_evidence([held])
    assert hotbase.evidence(JOB.job_id) == (held,)
    passed = replace(held, sop_instance_uid="2.9", problems=())
    hotbase.keep_evidence([passed])
    assert hotbase.held() == hotbase.held(STUDY) == ((held, STUDY),)
    assert hotbase.held("1.2.3") == ()
    assert hotbase.held_counts() == {EvidenceKind.SR: 1}


def test_what_was_left_out_is_said_once_and_forgotten_with_the_next_try(hotbase: Hotbase) -> None:
    left_out = LeftOut(job_id=JOB.job_id, kind=EvidenceKind.SEG, reason="no pixel spacing")
    hotbase.leave_out(left_out)
    hotbase.leave_out(left_out)
    assert hotbase.left_out(JOB.job_id) == (left_out,)
    hotbase.finish_job(JOB.job_id, JobState.DONE, at=EPOCH)
    hotbase.reopen_job(JOB.job_id)
    assert hotbase.left_out(JOB.job_id) == ()
    assert hotbase.add_job(JOB, at=EPOCH) is JobState.PENDING


def test_an_evidence_set_that_was_delivered_can_be_delivered_once_more(hotbase: Hotbase) -> None:
    told = hotbase.plan_delivery(JOB.job_id, "PACS", at=EPOCH, evidence_set=EvidenceSet.FAILURE)
    first = hotbase.plan_delivery(JOB.job_id, "PACS", at=EPOCH)
    for each in (told, first):
        hotbase.move_delivery(each.delivery_id, DeliveryState.DELIVERED, at=EPOCH)
    hotbase.reopen_deliveries(JOB.job_id, EvidenceSet.RESULT, at=EPOCH)
    assert hotbase.delivery(first.delivery_id).state is DeliveryState.PENDING
    assert hotbase.delivery(told.delivery_id).state is DeliveryState.DELIVERED


def test_a_delivery_is_planned_once_for_each_destination(hotbase: Hotbase) -> None:
    first = hotbase.plan_delivery(JOB.job_id, "PACS", at=EPOCH)
    hotbase.move_delivery(first.delivery_id, DeliveryState.DELIVERED, at=EPOCH)
    again = hotbase.plan_delivery(JOB.job_id, "PACS", at=EPOCH)
    other = hotbase.plan_delivery(JOB.job_id, "OTHER", at=EPOCH)
    assert again.delivery_id == first.delivery_id != other.delivery_id
    assert again.state is DeliveryState.DELIVERED
    assert hotbase.delivery_counts() == {
        ("PACS", DeliveryState.DELIVERED): 1,
        ("OTHER", DeliveryState.PENDING): 1,
    }


def test_every_try_is_counted_and_its_error_kept(hotbase: Hotbase) -> None:
    planned = hotbase.plan_delivery(JOB.job_id, "PACS", at=EPOCH)
    for _ in range(2):
        hotbase.move_delivery(
            planned.delivery_id, DeliveryState.RETRYING, at=EPOCH, error="refused"
        )
    tried = hotbase.delivery(planned.delivery_id)
    assert (tried.attempts, tried.last_error) == (2, "refused")


def test_what_is_delivered_stays_delivered(hotbase: Hotbase) -> None:
    planned = hotbase.plan_delivery(JOB.job_id, "PACS", at=EPOCH)
    hotbase.move_delivery(planned.delivery_id, DeliveryState.DELIVERED, at=EPOCH)
    with pytest.raises(ConflictError):
        hotbase.move_delivery(planned.delivery_id, DeliveryState.FAILED, at=EPOCH)


def test_an_unknown_delivery_is_a_clear_error(hotbase: Hotbase) -> None:
    with pytest.raises(NotFoundError, match="delivery x does not exist"):
        hotbase.delivery("x")


def test_unfinished_deliveries_come_in_pages_oldest_first(hotbase: Hotbase) -> None:
    titles = [f"PACS{number}" for number in range(5)]
    planned = [hotbase.plan_delivery(JOB.job_id, title, at=EPOCH) for title in titles]
    hotbase.move_delivery(planned[0].delivery_id, DeliveryState.DELIVERED, at=EPOCH)
    hotbase.move_delivery(planned[1].delivery_id, DeliveryState.FAILED, at=EPOCH)
    hotbase.move_delivery(planned[2].delivery_id, DeliveryState.RETRYING, at=EPOCH)
    later = EPOCH.replace(year=2027)
    assert hotbase.unfinished_deliveries(EPOCH) == ()
    found = hotbase.unfinished_deliveries(later)
    assert {each.destination for each in found} == set(titles[2:])
    first = hotbase.unfinished_deliveries(later, limit=2)
    rest = hotbase.unfinished_deliveries(later, after=first[-1], limit=2)
    assert first + rest == found
    assert hotbase.unfinished_deliveries(later, after=found[-1]) == ()


def test_the_outcome_of_a_try_is_recorded_once(hotbase: Hotbase) -> None:
    planned = hotbase.plan_delivery(JOB.job_id, "PACS", at=EPOCH)
    retrying = DeliveryState.RETRYING
    hotbase.move_delivery(planned.delivery_id, retrying, at=EPOCH, attempts=0)
    with pytest.raises(ConflictError):
        hotbase.move_delivery(planned.delivery_id, retrying, at=EPOCH, attempts=0)
    assert hotbase.delivery(planned.delivery_id).attempts == 1
