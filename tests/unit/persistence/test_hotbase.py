"""Jobs and evidence."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from ai_engine.prediction import Remark, RemarkKind
from dicom_node.domain.evidence import EvidenceObject, LeftOut
from dicom_node.domain.job import Job, JobState
from dicom_node.errors import ConflictError
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.result_reading import remarks_of
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


def test_what_is_kept_back_is_counted_by_an_index(engine: sa.Engine) -> None:
    """Each /metrics counts it, and nearly all results are not among it."""
    if engine.dialect.name == "postgresql":
        return  # it plans by how many rows there are
    asked: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *event: asked.append(event[2]))
    Hotbase(engine).held_counts()
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked[-1]}").all()
    assert [row[3].endswith("USING INDEX ix_evidence_held") for row in plan] == [True]


def test_several_remarks_of_one_kind_on_one_image_are_all_kept(hotbase: Hotbase) -> None:
    words = ("The age is no age.", "Images that came twice: 1.")
    kind = RemarkKind.HEADER_VALUES
    remarks = tuple(Remark(kind=kind, sop_instance_uid="1.1", detail=each) for each in words)
    said = replace(FakeModels().predict(FAKE_MODEL, [an_instance("1.1")]), remarks=remarks)
    hotbase.keep_prediction(JOB.job_id, said, at=EPOCH)
    assert tuple(each["detail"] for each in hotbase.remarks(JOB.job_id)) == words
    with hotbase._read() as connection:
        assert remarks_of(connection, JOB.job_id) == remarks


def test_another_routes_result_of_the_model_is_no_predecessor(hotbase: Hotbase) -> None:
    hotbase.finish_job(JOB.job_id, JobState.DONE, at=EPOCH)
    other = replace(JOB, job_id="b" * 32, revision=2, route="lateral", sop_instance_uids=("1.9",))
    assert hotbase.predecessors(other) == ()
    assert hotbase.finished_before(other, JOB.model.name) == (JOB.job_id,)


def test_a_later_result_is_no_predecessor_of_an_earlier_one_that_is_made_anew(
    hotbase: Hotbase,
) -> None:
    later = replace(JOB, job_id="b" * 32, revision=JOB.revision + 1)
    hotbase.add_job(later, at=EPOCH)
    hotbase.finish_job(later.job_id, JobState.DONE, at=EPOCH)
    assert hotbase.predecessors(JOB) == ()
