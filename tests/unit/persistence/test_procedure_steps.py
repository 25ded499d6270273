"""Procedure steps on the Hotbase: found by what peers ask for, changed by one at a time."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from typing import Any

import pytest
import sqlalchemy as sa
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_node.domain.procedure_step import ProcedureStep, StepKind, StepState
from dicom_node.domain.review.external_report import ExternalReport
from dicom_node.domain.review.queue import NotReopenedError
from dicom_node.domain.review.review import (
    FindingVerdict,
    Judgement,
    Reviewer,
    ReviewerRole,
    Verdict,
)
from dicom_node.domain.study import StudyState
from dicom_node.domain.subject import Subject
from dicom_node.persistence.corridor.attributes import keep_attributes
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.review.queue import HotbaseReviewQueue
from dicom_node.persistence.ups import procedure_steps
from dicom_node.persistence.ups.procedure_steps import HotbaseSteps
from dicom_node.persistence.ups.rows import analysis_state, item_id_of
from dicom_node.persistence.ups.tables import PROCEDURE_STEPS
from dicom_node.query.keys import tag_of, vr_of
from dicom_node.query.reading import make_key, read_identifier
from dicom_node.ups.errors import StepRefusedError
from dicom_node.ups.fakes import FakeAnalyses
from dicom_node.ups.ports import Ending, StepQuery
from dicom_node.ups.presentation import Station
from dicom_node.ups.service import ProcedureSteps
from dicom_node.workflow.testing.fakes import FakeClock
from dicom_node.workflow.testing.review_fakes import fake_details
from tests.unit.builders import a_described_instance, an_instance
from tests.unit.persistence.test_hotbase import JOB
from tests.unit.persistence.test_retention import REPORT
from tests.unit.ups.requests import KEY, a_performance, a_request

LEASE = timedelta(minutes=15)
NAMES = {"1.2.3.1": "Müller^Jörg", "1.2.3.2": "Yamada^Tarou=山田^太郎", "1.2.3.3": "[x]^100%_"}
ADA = Reviewer(user_name="ada", person_name="Ada", organisation="", role=ReviewerRole.VERIFIER)


def describe(engine: sa.Engine, study: str) -> None:
    number = study.rsplit(".", 1)[-1]
    instance = a_described_instance(
        f"{study}.1.1",
        study=study,
        series=f"{study}.1",
        PatientName=NAMES.get(study, ""),
        PatientID=f"P{number}",
        AccessionNumber=f"A{number}",
    )
    with engine.begin() as connection:
        keep_attributes(connection, [instance])


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now=datetime(2026, 1, 1, 12, tzinfo=UTC))


@pytest.fixture
def review_queue(engine: sa.Engine, clock: FakeClock) -> HotbaseReviewQueue:
    made = HotbaseReviewQueue(engine, images=lambda _: (), clock=clock, lease=LEASE)
    for number in (1, 2, 3):
        details = fake_details(
            number,
            urgent=number == 3,
            received_at=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number),
        )
        made.add(details.item, details.findings)
    return made


@pytest.fixture
def store(engine: sa.Engine, clock: FakeClock, review_queue: HotbaseReviewQueue) -> HotbaseSteps:
    for number in (1, 2, 3):
        describe(engine, f"1.2.3.{number}")
    return HotbaseSteps(engine, review_queue=review_queue, clock=clock)


@pytest.fixture
def steps(
    store: HotbaseSteps, review_queue: HotbaseReviewQueue, clock: FakeClock
) -> ProcedureSteps:
    return ProcedureSteps(
        store=store,
        review_queue=review_queue,
        analyses=FakeAnalyses(known={"1.2.3.1": 1}),
        station=Station(ae_title="AINODE"),
        clock=clock,
    )


SUBJECT = {
    "patient_id": "PatientID",
    "patient_name": "PatientName",
    "accession_number": "AccessionNumber",
}


def uids(store: HotbaseSteps, **wanted: Any) -> list[str]:
    """Return the steps that a narrowed search gives; what is of the study is given as text."""
    subject = {}
    for column in wanted.keys() & SUBJECT.keys():
        tag = tag_of(SUBJECT[column])
        key = make_key(tag, vr_of(tag), [wanted.pop(column)])
        assert key is not None
        subject[column] = key
    return [each.uid for each in store.steps(StepQuery(subject=subject, **wanted))]


def test_steps_come_by_triage(store: HotbaseSteps) -> None:
    assert uids(store) == ["2.25.3", "2.25.1", "2.25.2"]


NARROWED: list[tuple[dict[str, object], list[str]]] = [
    ({"patient_id": "P2"}, ["2.25.2"]),
    ({"patient_id": "P*"}, ["2.25.3", "2.25.1", "2.25.2"]),
    ({"patient_id": "?1"}, ["2.25.1"]),
    ({"patient_id": "p1"}, []),
    ({"patient_name": "MÜLLER*"}, ["2.25.1"]),
    ({"patient_name": "muller^jorg"}, ["2.25.1"]),
    ({"patient_name": "yam*"}, ["2.25.2"]),
    ({"patient_name": "山田*"}, ["2.25.2"]),
    ({"patient_name": "[x]^100%_"}, ["2.25.3"]),
    ({"patient_name": "[x]^1%0_*"}, []),
    ({"accession_number": "A3"}, ["2.25.3"]),
    ({"study_instance_uids": ("1.2.3.1", "1.2.3.2")}, ["2.25.1", "2.25.2"]),
    ({"uids": ("2.25.2", "2.25.404", "1.2")}, ["2.25.2"]),
    ({"states": frozenset({StepState.CANCELED})}, []),
    (
        {"scheduled_from": datetime(2026, 1, 1, 2, tzinfo=UTC)},
        ["2.25.3", "2.25.2"],
    ),
    ({"scheduled_until": datetime(9998, 12, 31, tzinfo=UTC)}, ["2.25.3", "2.25.1", "2.25.2"]),
    ({"scheduled_until": datetime.max.replace(tzinfo=UTC)}, ["2.25.3", "2.25.1", "2.25.2"]),
    ({"scheduled_from": datetime.min.replace(tzinfo=UTC)}, ["2.25.3", "2.25.1", "2.25.2"]),
]


@pytest.mark.slow
def test_queries_are_narrowed(store: HotbaseSteps) -> None:
    for wanted, found in NARROWED:
        assert uids(store, **wanted) == found, wanted


def test_a_step_says_who_its_study_is_of(store: HotbaseSteps) -> None:
    step = store.step("2.25.2")
    assert step is not None
    assert step.subject == Subject(
        study_instance_uid="1.2.3.2",
        patient_name=NAMES["1.2.3.2"],
        patient_id="P2",
        accession_number="A2",
    )


def test_a_claim_on_the_page_shows_until_it_expires(
    store: HotbaseSteps, review_queue: HotbaseReviewQueue, clock: FakeClock
) -> None:
    review_queue.claim(f"{1:032x}", ADA)
    claimed = store.step("2.25.1")
    assert claimed is not None
    assert claimed.state is StepState.IN_PROGRESS
    clock.advance(LEASE.total_seconds() + 1)
    expired = store.step("2.25.1")
    assert expired is not None
    assert expired.state is StepState.SCHEDULED


def test_of_many_that_lock_at_once_exactly_one_succeeds(steps: ProcedureSteps) -> None:
    together, statuses = Barrier(8), []

    def claim(number: int) -> None:
        together.wait()
        try:
            status = steps.change_state(
                "2.25.1",
                "IN PROGRESS",
                transaction_uid=f"2.25.{number + 100}",
                performer=f"WS{number % 3}",
            )
        except StepRefusedError as error:
            status = error.status
        statuses.append(int(status))

    threads = [Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [0x0000] + [0xC302] * 7


def test_a_step_goes_from_hand_to_hand(
    store: HotbaseSteps, steps: ProcedureSteps, clock: FakeClock
) -> None:
    steps.change_state("2.25.1", "IN PROGRESS", transaction_uid=KEY, performer="WS1")
    assert [each.uid for each in store.locked()] == ["2.25.1"]
    clock.advance(1)
    steps.change_state("2.25.1", "CANCELED", transaction_uid=KEY, performer="WS1")
    assert store.locked() == ()
    current = store.current(f"{1:032x}")
    assert current is not None
    assert (current.state, current.round) == (StepState.SCHEDULED, 1)
    assert uids(store, patient_id="P1") == [current.uid, "2.25.1"]
    assert uids(store, states=frozenset({StepState.CANCELED}), patient_id="P1") == [
        current.uid,
        "2.25.1",
    ]


def test_a_report_from_outside_lets_its_performer_complete(
    steps: ProcedureSteps, review_queue: HotbaseReviewQueue, clock: FakeClock
) -> None:
    steps.change_state("2.25.1", "IN PROGRESS", transaction_uid=KEY, performer="WS1")
    clock.advance(1)
    steps.update("2.25.1", a_performance(), transaction_uid=KEY, performer="WS1")
    with pytest.raises(StepRefusedError) as early:
        steps.change_state("2.25.1", "COMPLETED", transaction_uid=KEY, performer="WS1")
    assert early.value.status == 0xC304
    findings = tuple(
        FindingVerdict(image_uid=each.image_uid, label=each.label, judgement=Judgement.CONFIRMED)
        for each in review_queue.findings(f"{1:032x}")
    )
    report = ExternalReport(
        sop_instance_uid="1.9.7",
        item_id=f"{1:032x}",
        study_instance_uid="1.2.3.1",
        path="report.dcm",
        closed=True,
        message="",
        seen_at=clock(),
    )
    verdict = Verdict(item_id=report.item_id, reviewer=ADA, findings=findings)
    review_queue.decide_externally(verdict, report)
    assert steps.get("2.25.1").ProcedureStepState == "IN PROGRESS"
    status = steps.change_state("2.25.1", "COMPLETED", transaction_uid=KEY, performer="WS1")
    assert status == 0x0000
    assert steps.get("2.25.1").ProcedureStepState == "COMPLETED"


def test_a_requested_review_is_found_by_what_was_asked(steps: ProcedureSteps) -> None:
    steps.create("1.9.1", a_request("1.2.3.2"), requester="PACS")
    performer = Dataset()
    performer.HumanPerformerName = "reader*"
    query = Dataset()
    query.SOPInstanceUID = ""
    query.ScheduledProcedureStepStartDateTime = "20260102"
    query.ScheduledHumanPerformersSequence = Sequence([performer])
    assert [each.SOPInstanceUID for each in steps.find(read_identifier(query))] == ["1.9.1"]


def test_a_change_that_was_made_meanwhile_is_noticed(store: HotbaseSteps, clock: FakeClock) -> None:
    read = store.step("2.25.1")
    assert read is not None
    assert store.update(read, {}, at=clock())
    clock.advance(1)
    again = store.step("2.25.1")
    assert again is not None
    assert store.update(again, {}, at=clock())
    assert not store.update(again, {}, at=clock() + timedelta(seconds=1))
    ending = Ending(state=StepState.CANCELED, attributes={}, successor=replace(read, uid="1.9.9"))
    assert not store.end(again, ending, at=clock())
    assert store.step("1.9.9") is None


def decide(review_queue: HotbaseReviewQueue, number: int) -> None:
    """Decide an item as its expert does on the page."""
    item_id = f"{number:032x}"
    review_queue.claim(item_id, ADA)
    findings = tuple(
        FindingVerdict(image_uid=each.image_uid, label=each.label, judgement=Judgement.CONFIRMED)
        for each in review_queue.findings(item_id)
        if each.is_positive
    )
    review_queue.decide(Verdict(item_id=item_id, reviewer=ADA, findings=findings))


def kept_states(engine: sa.Engine) -> dict[str, str]:
    query = sa.select(PROCEDURE_STEPS.c.uid, PROCEDURE_STEPS.c.state)
    with engine.connect() as connection:
        return {row.uid: row.state for row in connection.execute(query)}


@pytest.mark.slow
def test_what_was_requested_and_is_decided_on_the_page_is_written_down_as_over(
    engine: sa.Engine, store: HotbaseSteps, steps: ProcedureSteps, review_queue: HotbaseReviewQueue
) -> None:
    steps.create("1.9.1", a_request("1.2.3.1"), requester="PACS")
    steps.create("1.9.2", a_request("1.2.3.2"), requester="PACS")
    decide(review_queue, 1)
    assert store.settle() == 1
    assert store.settle() == 0
    assert kept_states(engine) == {
        "1.9.1": "COMPLETED",
        "2.25.1": "CANCELED",
        "1.9.2": "SCHEDULED",
        "2.25.2": "CANCELED",
    }
    current = store.current(f"{1:032x}")
    assert current is not None
    assert (current.uid, current.state) == ("1.9.1", StepState.COMPLETED)
    assert uids(store, patient_id="P1") == ["1.9.1", "2.25.1"]


def test_a_performers_lock_is_left_to_the_performer(
    store: HotbaseSteps, steps: ProcedureSteps, review_queue: HotbaseReviewQueue, clock: FakeClock
) -> None:
    steps.change_state("2.25.1", "IN PROGRESS", transaction_uid=KEY, performer="WS1")
    clock.advance(LEASE.total_seconds() + 1)
    decide(review_queue, 1)
    assert store.settle() == 0
    assert [each.uid for each in store.locked()] == ["2.25.1"]


def counted(engine: sa.Engine) -> list[str]:
    """Return a list that every statement from now on is added to."""
    said: list[str] = []

    @sa.event.listens_for(engine, "before_cursor_execute")
    def count(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        said.append(statement)

    return said


@pytest.mark.slow
def test_a_query_asks_no_more_statements_for_more_requests(
    engine: sa.Engine, store: HotbaseSteps, steps: ProcedureSteps, review_queue: HotbaseReviewQueue
) -> None:
    for number in range(4, 24):
        details = fake_details(number, received_at=datetime(2026, 1, 1, tzinfo=UTC))
        review_queue.add(details.item, details.findings)
    said, used = counted(engine), []
    for numbers in (range(1, 3), range(3, 24)):
        for number in numbers:
            steps.create(f"1.9.{number}", a_request(f"1.2.3.{number}"), requester="PACS")
        said.clear()
        used.append((len(uids(store, states=frozenset({StepState.SCHEDULED}))), len(said)))
    assert [found for found, _ in used] == [23, 23]
    assert used[0][1] == used[1][1]


def test_requests_are_read_page_by_page_and_all_of_them_open_or_over(
    store: HotbaseSteps, steps: ProcedureSteps, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        steps.create(f"1.9.{number}", a_request(f"1.2.3.{number}"), requester="PACS")
    monkeypatch.setattr(procedure_steps, "_CHUNK", 1)
    expected = ["1.9.3", "1.9.2", "1.9.1", "2.25.3", "2.25.2", "2.25.1"]
    assert uids(store) == expected


def test_an_analysis_is_over_for_good(engine: sa.Engine, store: HotbaseSteps) -> None:
    index = StudyIndex(engine)
    index.record([an_instance()])
    study = an_instance().study_instance_uid
    describe(engine, study)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    asked = ProcedureStep(
        uid="1.9.5",
        kind=StepKind.ANALYSIS,
        study_instance_uid=study,
        subject=Subject(study_instance_uid=study),
        state=StepState.IN_PROGRESS,
        scheduled_at=at,
        modified_at=at,
        asked_revision=1,
    )
    store.add(asked)
    store.add(replace(asked, uid="1.9.6", asked_revision=2))
    assert store.settle() == 0
    assert uids(store, patient_id="P1")[:2] == ["1.9.5", "1.9.6"]
    for state, states in (
        (StudyState.FAILED, {"1.9.5": "CANCELED", "1.9.6": "IN PROGRESS"}),
        (StudyState.ANALYSED, {"1.9.5": "CANCELED", "1.9.6": "COMPLETED"}),
    ):
        claimed = index.claim(study, by="w", at=at)
        assert claimed is not None
        index.finish(claimed, state)
        assert store.settle() == 1
        assert kept_states(engine) == states
        index.reopen(study)
    assert {each.uid: each.state.value for each in store.steps() if each.item is None} == states


def test_an_analysis_follows_its_study(engine: sa.Engine, store: HotbaseSteps) -> None:
    index = StudyIndex(engine)
    index.record([an_instance()])
    study = an_instance().study_instance_uid
    revision = index.reopen(study)
    assert revision == 1
    assert index.reopen("1.2.404") is None
    step = ProcedureStep(
        uid="1.9.5",
        kind=StepKind.ANALYSIS,
        study_instance_uid=study,
        subject=Subject(study_instance_uid=study),
        state=StepState.IN_PROGRESS,
        scheduled_at=datetime(2026, 1, 1, tzinfo=UTC),
        modified_at=datetime(2026, 1, 1, tzinfo=UTC),
        asked_revision=revision,
    )
    assert store.add(step)
    assert not store.add(step)
    claimed = index.claim(study, by="w", at=datetime(2026, 1, 1, tzinfo=UTC))
    assert claimed is not None
    running = store.step("1.9.5")
    assert running is not None
    assert running.state is StepState.IN_PROGRESS
    index.finish(claimed, StudyState.ANALYSED)
    done = store.step("1.9.5")
    assert done is not None
    assert done.state is StepState.COMPLETED
    assert index.reopen(study) == 2
    inputs, _ = store.references(done)
    assert [each.sop_instance_uid for each in inputs] == [an_instance().sop_instance_uid]


def test_steps_name_results_that_can_be_had_alone(engine: sa.Engine, store: HotbaseSteps) -> None:
    """What is held back or was removed is given to nobody who asks the node for it."""
    StudyIndex(engine).record([an_instance(study_instance_uid=JOB.study_instance_uid)])
    hotbase = Hotbase(engine)
    hotbase.add_job(JOB, at=datetime(2026, 1, 1, tzinfo=UTC))
    hotbase.keep_evidence(
        [
            replace(REPORT, job_id=JOB.job_id),
            replace(REPORT, sop_instance_uid="9.7", job_id=JOB.job_id, path=""),
            replace(REPORT, sop_instance_uid="9.8", job_id=JOB.job_id, problems=("broken",)),
        ]
    )
    found = store.results(JOB.study_instance_uid)
    assert [each.sop_instance_uid for each in found] == [REPORT.sop_instance_uid]


@pytest.mark.parametrize(
    ("revision", "state", "shown"),
    [
        (1, StudyState.ANALYSED, StepState.IN_PROGRESS),
        (2, StudyState.COMPLETE, StepState.IN_PROGRESS),
        (2, StudyState.ANALYSED, StepState.COMPLETED),
        (2, StudyState.NOT_ROUTED, StepState.CANCELED),
        (2, StudyState.FAILED, StepState.CANCELED),
        (3, StudyState.RECEIVING, StepState.COMPLETED),
    ],
)
def test_how_far_an_analysis_is(revision: int, state: StudyState, shown: StepState) -> None:
    assert analysis_state(2, revision, state) is shown


@pytest.mark.parametrize("uid", ["1.2.3", "2.25.", "2.25.x", f"2.25.{2**128}", "2.25.²"])
def test_uids_of_others_name_no_review_item(uid: str) -> None:
    assert item_id_of(uid) is None


def test_what_is_taken_back_is_another_step(
    store: HotbaseSteps, review_queue: HotbaseReviewQueue, clock: FakeClock
) -> None:
    item = f"{1:032x}"
    decide(review_queue, 1)
    completed = store.current(item)
    review_queue.conclude(item, at=clock())
    review_queue.reopen(item, ADA, "wrong")
    again = store.current(item)
    assert completed and again
    assert again.uid != completed.uid
    assert again.state is StepState.IN_PROGRESS, "who took it back holds it"
    kept = store.step(completed.uid)
    assert kept and kept.state is StepState.COMPLETED
    decide(review_queue, 1)
    review_queue.conclude(item, at=clock())
    review_queue.reopen(item, ADA, "wrong again")
    third = store.current(item)
    assert third and third.round == 2
    assert [store.step(uid).state for uid in (completed.uid, again.uid)] == [  # type: ignore[union-attr]
        StepState.COMPLETED
    ] * 2


@pytest.mark.slow
def test_of_those_who_take_a_verdict_back_at_once_one_does(
    store: HotbaseSteps, review_queue: HotbaseReviewQueue, clock: FakeClock
) -> None:
    item = f"{1:032x}"
    people = [replace(ADA, user_name=f"expert-{number}") for number in range(6)]
    for time in range(1, 4):
        decide(review_queue, 1)
        review_queue.conclude(item, at=clock())
        with ThreadPoolExecutor(len(people)) as pool:
            tried = [pool.submit(review_queue.reopen, item, each, "wrong") for each in people]
        refused = [each.exception() for each in tried if each.exception()]
        assert {type(each) for each in refused} == {NotReopenedError}
        assert len(refused) == len(people) - 1
        assert [each.number for each in review_queue.history(item)] == list(range(1, time + 1))
        held = review_queue.item(item)
        review_queue.release(item, replace(ADA, user_name=held.holder))
    assert store.current(item)


def test_a_reason_has_no_characters_that_a_database_or_report_refuses(
    store: HotbaseSteps, review_queue: HotbaseReviewQueue, clock: FakeClock
) -> None:
    item = f"{1:032x}"
    decide(review_queue, 1)
    review_queue.conclude(item, at=clock())
    with pytest.raises(NotReopenedError, match="say why"):
        review_queue.reopen(item, ADA, "\0\x07 ")
    review_queue.reopen(item, ADA, "the\0 other\x1b side\u200d")
    assert store.current(item)
    assert review_queue.history(item)[0].reason == "the other side\u200d"
