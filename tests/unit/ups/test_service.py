"""Procedure steps: what requesters and performers may do, and what follows for review items."""

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset

from dicom_node.domain.procedure_step import StepState, UpsStatus
from dicom_node.domain.review.review import (
    FindingVerdict,
    Judgement,
    Reviewer,
    ReviewerRole,
    Verdict,
)
from dicom_node.domain.subject import Subject
from dicom_node.query.reading import Query, read_identifier
from dicom_node.ups.codes import code_sequence
from dicom_node.ups.errors import StepRefusedError
from dicom_node.ups.fakes import FakeAnalyses, FakeSteps
from dicom_node.ups.presentation import Station
from dicom_node.ups.requesting import study_of
from dicom_node.ups.service import ProcedureSteps
from dicom_node.workflow.testing.fakes import FakeClock
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue, fake_details
from tests.unit.ups.requests import KEY, a_performance, a_request

STUDY, STEP = "1.2.3.1", "2.25.1"
PAGE_USER = Reviewer(
    user_name="anna", person_name="Expert^Anna", organisation="", role=ReviewerRole.VERIFIER
)


@dataclass
class House:
    """A node with one result that waits for review."""

    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.review_queue = FakeReviewQueue(clock=self.clock)
        self.review_queue.add(fake_details(1))
        self.store = FakeSteps(review_queue=self.review_queue)
        self.store.subjects[STUDY] = Subject(study_instance_uid=STUDY, patient_id="P1")
        self.analyses = FakeAnalyses(known={STUDY: 1})
        self.steps = ProcedureSteps(
            store=self.store,
            review_queue=self.review_queue,
            analyses=self.analyses,
            station=Station(ae_title="AINODE"),
            clock=self.clock,
            lock_time=timedelta(hours=8),
        )

    def change(self, state: str, *, key: str = KEY, performer: str = "WS1", uid: str = STEP) -> int:
        """Ask for a change of state; return the status, refused or not."""
        try:
            return self.steps.change_state(uid, state, transaction_uid=key, performer=performer)
        except StepRefusedError as error:
            return error.status

    def state(self, uid: str = STEP) -> str:
        return str(self.steps.get(uid).ProcedureStepState)

    def decide(self, reviewer: Reviewer) -> None:
        self.review_queue.claim(f"{1:032x}", reviewer)
        image = self.review_queue.open(f"{1:032x}", reviewer).images[0].sop_instance_uid
        finding = FindingVerdict(image_uid=image, label="opacity", judgement=Judgement.CONFIRMED)
        self.review_queue.decide(
            Verdict(item_id=f"{1:032x}", reviewer=reviewer, findings=(finding,))
        )


@pytest.fixture
def house() -> House:
    return House()


def workstation(title: str) -> Reviewer:
    """Return the reviewer that stands for a workstation: its report is the verdict."""
    return Reviewer(
        user_name=f"ae:{title}", person_name=title, organisation="", role=ReviewerRole.ATTESTOR
    )


def refusal(request: object, *arguments: object, **named: object) -> UpsStatus:
    with pytest.raises(StepRefusedError) as refused:
        request(*arguments, **named)  # type: ignore[operator]
    return refused.value.status


def test_a_waiting_result_is_a_scheduled_step(house: House) -> None:
    step = house.steps.get(STEP)
    assert step.ProcedureStepState == "SCHEDULED"
    assert step.ScheduledProcedureStepPriority == "MEDIUM"
    assert step.StudyInstanceUID == STUDY
    assert step.PatientID == "P1"
    assert "TransactionUID" not in step


def test_of_two_performers_one_claims_and_the_other_learns_that_it_is_in_progress(
    house: House,
) -> None:
    assert house.change("IN PROGRESS") == 0x0000
    assert house.change("IN PROGRESS", key="2.25.9", performer="WS2") == 0xC302
    assert house.state() == "IN PROGRESS"


def test_two_performers_behind_one_ae_title_are_told_apart_by_their_keys(house: House) -> None:
    assert house.change("IN PROGRESS", key="2.25.8") == 0x0000
    assert house.change("IN PROGRESS", key="2.25.9") == 0xC302
    assert house.change("CANCELED", key="2.25.9") == 0xC301


def test_who_has_claimed_an_item_on_the_page_keeps_it(house: House) -> None:
    house.review_queue.claim(f"{1:032x}", PAGE_USER)
    assert house.state() == "IN PROGRESS"
    assert house.change("IN PROGRESS") == 0xC302


def test_a_locked_step_is_claimed_on_the_page_as_well(house: House) -> None:
    house.change("IN PROGRESS")
    assert house.review_queue.item(f"{1:032x}").holder == "ae:WS1"


@pytest.mark.parametrize("key", ["", "not a uid"])
def test_a_claim_needs_a_transaction_uid(house: House, key: str) -> None:
    assert house.change("IN PROGRESS", key=key) == 0xC301
    assert house.state() == "SCHEDULED"


def test_a_step_cannot_be_completed_before_it_says_what_was_done(house: House) -> None:
    house.change("IN PROGRESS")
    assert house.change("COMPLETED") == 0xC304


def test_a_step_cannot_be_completed_without_a_verdict(house: House) -> None:
    house.change("IN PROGRESS")
    house.steps.update(STEP, a_performance(), transaction_uid=KEY, performer="WS1")
    assert house.change("COMPLETED") == 0xC304
    assert house.state() == "IN PROGRESS"


def test_a_step_is_completed_when_the_performers_report_has_come(house: House) -> None:
    house.change("IN PROGRESS")
    house.decide(workstation("WS1"))
    assert house.state() == "IN PROGRESS"  # the performer has not said that it is done
    house.steps.update(STEP, a_performance(), transaction_uid=KEY, performer="WS1")
    assert house.change("COMPLETED") == 0x0000
    assert house.change("COMPLETED") == 0xB306
    assert house.change("CANCELED") == 0xC300
    assert house.state() == "COMPLETED"


def test_what_is_decided_on_the_page_is_completed(house: House) -> None:
    house.decide(PAGE_USER)
    step = house.steps.get(STEP)
    assert step.ProcedureStepState == "COMPLETED"
    performed = step.UnifiedProcedureStepPerformedProcedureSequence[0]
    assert performed.ActualHumanPerformersSequence[0].HumanPerformerName == "anna"
    assert house.change("IN PROGRESS") == 0xC300


def test_a_performer_that_gives_up_frees_the_result_for_others(house: House) -> None:
    house.change("IN PROGRESS")
    assert house.change("CANCELED") == 0x0000
    gone = house.steps.get(STEP)
    assert gone.ProcedureStepState == "CANCELED"
    assert gone.ProcedureStepProgressInformationSequence[0].ProcedureStepCancellationDateTime
    waiting = list(house.steps.find(query(ProcedureStepState="SCHEDULED", SOPInstanceUID="")))
    assert [each.SOPInstanceUID for each in waiting] == ["2.25.2"]
    again = house.steps.get("2.25.2")
    assert again.ReplacedProcedureStepSequence[0].ReferencedSOPInstanceUID == STEP
    assert house.change("IN PROGRESS", performer="WS2", uid="2.25.2") == 0x0000


def test_a_lock_outlives_the_claim_of_a_page(house: House) -> None:
    house.change("IN PROGRESS")
    for _ in range(6):
        house.clock.advance(600)
        house.steps.keep_locks()
    assert house.review_queue.item(f"{1:032x}").is_held(house.clock())


def test_a_lock_that_nobody_uses_ends(house: House) -> None:
    house.change("IN PROGRESS")
    house.clock.advance(8 * 3600 + 1)
    house.steps.keep_locks()
    assert house.state() == "CANCELED"
    assert house.state("2.25.2") == "SCHEDULED"


def test_the_sweep_writes_down_what_the_page_has_decided(house: House) -> None:
    house.steps.create("1.9.1", a_request(STUDY), requester="PACS")
    house.decide(PAGE_USER)
    house.steps.keep_locks()
    assert house.store.rows["1.9.1"].state is StepState.COMPLETED


def test_attributes_are_set_by_who_holds_the_step(house: House) -> None:
    change = Dataset()
    change.ProcedureStepLabel = "Ward round"
    assert house.steps.update(STEP, change, transaction_uid="", performer="WS2") == 0
    assert house.steps.get(STEP).ProcedureStepLabel == "Ward round"
    house.change("IN PROGRESS")
    assert (
        refusal(house.steps.update, STEP, change, transaction_uid="2.25.9", performer="WS2")
        == 0xC301
    )
    assert house.steps.update(STEP, change, transaction_uid=KEY, performer="WS1") == 0


def test_what_the_node_knows_better_is_left_as_it_is_with_a_warning(house: House) -> None:
    change = Dataset()
    change.PatientName = "Somebody^Else"
    status = house.steps.update(STEP, change, transaction_uid="", performer="WS1")
    assert status == UpsStatus.ATTRIBUTES_NOT_SUPPORTED
    assert house.steps.get(STEP).PatientName == ""


def test_the_state_is_no_attribute_to_set(house: House) -> None:
    change = Dataset()
    change.ProcedureStepState = "COMPLETED"
    assert (
        refusal(house.steps.update, STEP, change, transaction_uid="", performer="WS1")
        == UpsStatus.INVALID_ATTRIBUTE_VALUE
    )


def test_a_request_for_review_takes_the_place_of_the_nodes_own_step(house: House) -> None:
    created = house.steps.create("1.9.1", a_request(STUDY), requester="PACS")
    assert created.status == UpsStatus.SUCCESS
    step = house.steps.get("1.9.1")
    assert step.ProcedureStepState == "SCHEDULED"
    assert step.ProcedureStepLabel == "Second look"
    assert step.ScheduledHumanPerformersSequence[0].HumanPerformerName == "Reader^First"
    assert step.ReplacedProcedureStepSequence[0].ReferencedSOPInstanceUID == STEP
    assert house.state(STEP) == "CANCELED"
    assert house.change("IN PROGRESS", uid="1.9.1") == 0x0000


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"ProcedureStepLabel": None}, 0x0120),
        ({"ProcedureStepLabel": ""}, 0x0121),
        ({"ProcedureStepState": "IN PROGRESS"}, 0xC309),
        ({"ScheduledProcedureStepPriority": "NOW"}, 0x0106),
        ({"StudyInstanceUID": "1.2.3.99"}, 0x0106),
        ({"StudyInstanceUID": None}, 0x0121),
        (
            {"ScheduledWorkitemCodeSequence": code_sequence(("110008", "DCM", "Print"))},
            0x0106,
        ),
    ],
)
def test_requests_that_lack_something_are_refused(
    house: House, changes: dict[str, object], status: int
) -> None:
    request = a_request(STUDY, **changes)
    assert refusal(house.steps.create, "1.9.1", request, requester="PACS") == status


@pytest.mark.filterwarnings("ignore:Invalid value for VR UI")
def test_a_study_is_named_by_a_uid_padded_or_not_and_by_nothing_else() -> None:
    """JSON can write a NUL, on which PostgreSQL would fail."""
    assert study_of(a_request(f"{STUDY}\0")) == STUDY
    for wrong in ("1.2.3\0.1", "1.2.\ud800", "study"):
        with pytest.raises(StepRefusedError, match="is no UID") as refused:
            study_of(a_request(wrong))
        assert refused.value.status == UpsStatus.INVALID_ATTRIBUTE_VALUE


@pytest.mark.parametrize("text", ["garbage", "20260102-20260103", "20261301"])
def test_what_is_no_date_and_time_is_refused_at_creation_and_later(house: House, text: str) -> None:
    start = {"00404005": {"vr": "DT", "Value": [text]}}
    progress = {"00741002": {"vr": "SQ", "Value": [{"00404052": start["00404005"]}]}}
    with disable_value_validation():
        request = Dataset.from_json({**a_request(STUDY).to_json_dict(), **start})
        changes = [Dataset.from_json(each) for each in (start, progress)]
    assert refusal(house.steps.create, "1.9.1", request, requester="PACS") == 0x0106
    for change in changes:
        refused = refusal(house.steps.update, STEP, change, transaction_uid="", performer="WS1")
        assert refused == UpsStatus.INVALID_ATTRIBUTE_VALUE


@pytest.mark.filterwarnings("ignore:A value of type")
@pytest.mark.parametrize(
    "said",
    [
        {"00741002": {"vr": "LO", "Value": ["no sequence"]}},
        {"00741204": {"vr": "LO", "Value": [{"a": 1}]}},
        {"00404005": {"vr": "LO", "Value": ["no date, and not called one"]}},
        {"00741002": {"vr": "SQ", "Value": [{"00741004": {"vr": "LO", "Value": ["half"]}}]}},
    ],
)
def test_what_could_not_be_given_back_is_refused(house: House, said: dict[str, object]) -> None:
    request = Dataset.from_json({**a_request(STUDY).to_json_dict(), **said})
    assert refusal(house.steps.create, "1.9.1", request, requester="PACS") == 0x0106
    change = Dataset.from_json(said)
    assert refusal(house.steps.update, STEP, change, transaction_uid="", performer="WS1") == 0x0106


def test_a_date_that_the_archive_has_wrong_breaks_nobodys_query(house: House) -> None:
    for number, text in enumerate(("in spring", "1962.01.01", "19620101"), start=1):
        study = f"1.2.3.{number}"
        house.review_queue.add(fake_details(number))
        house.store.subjects[study] = Subject(
            study_instance_uid=study,
            patient_id=f"P{number}",
            patient_birth_date=text,
            study_date=text,
            study_time="12:30" if number == 2 else "noon",
        )
    for find in (house.steps.find, house.steps.find_modality_worklist):
        found = find(query(PatientBirthDate="19620101", PatientID=""))
        assert [each.PatientID for each in found] == ["P2", "P3"]
    by_time = query(StudyDate="19600101-", StudyTime="12-13", PatientID="")
    assert [each.PatientID for each in house.steps.find_modality_worklist(by_time)] == ["P2"]


def test_a_step_is_created_once(house: House) -> None:
    house.steps.create("1.9.1", a_request(STUDY), requester="PACS")
    again = refusal(house.steps.create, "1.9.1", a_request(STUDY), requester="PACS")
    other = refusal(house.steps.create, "1.9.2", a_request(STUDY), requester="PACS")
    assert (again, other) == (0x0111, 0x0111)


def test_the_results_of_two_models_are_asked_for_one_after_the_other(house: House) -> None:
    details = fake_details(2)
    of_other = replace(details.item.model, name="other")
    house.review_queue.add(
        replace(details, item=replace(details.item, study_instance_uid=STUDY, model=of_other))
    )
    for uid in ("1.9.1", "1.9.2"):
        house.steps.create(uid, a_request(STUDY), requester="PACS")
    assert {house.state("1.9.1"), house.state("1.9.2")} == {"SCHEDULED"}
    assert {house.state("2.25.1"), house.state("2.25.2")} == {"CANCELED"}
    third = refusal(house.steps.create, "1.9.3", a_request(STUDY), requester="PACS")
    assert third == UpsStatus.DUPLICATE_SOP_INSTANCE
    assert house.change("IN PROGRESS", uid="1.9.1") == 0x0000
    assert house.change("IN PROGRESS", uid="1.9.2") == 0x0000
    late = refusal(house.steps.create, "1.9.3", a_request(STUDY), requester="PACS")
    assert late == UpsStatus.PROCESSING_FAILURE


def test_a_result_in_hand_leaves_the_other_models_free(house: House) -> None:
    details = fake_details(2)
    house.review_queue.add(replace(details, item=replace(details.item, study_instance_uid=STUDY)))
    house.change("IN PROGRESS")
    house.steps.create("1.9.1", a_request(STUDY), requester="PACS")
    assert house.state("2.25.2") == "CANCELED"


def test_a_request_for_analysis_opens_the_study_again(house: House) -> None:
    request = a_request(
        STUDY,
        ScheduledWorkitemCodeSequence=code_sequence(("110004", "DCM", "Computer Aided Detection")),
    )
    house.steps.create("1.9.3", request, requester="PACS")
    assert house.analyses.asked == [STUDY]
    assert house.state("1.9.3") == StepState.IN_PROGRESS
    assert house.change("IN PROGRESS", uid="1.9.3") == 0xC302


def test_who_asked_for_a_review_may_withdraw_it(house: House) -> None:
    house.steps.create("1.9.1", a_request(STUDY), requester="PACS")
    reason = Dataset()
    reason.ReasonForCancellation = "Not needed"
    stranger = refusal(house.steps.request_cancel, "1.9.1", reason, requester="OTHER")
    assert stranger == UpsStatus.PERFORMER_CHOOSES_NOT_TO_CANCEL
    assert house.steps.request_cancel("1.9.1", reason, requester="PACS") == UpsStatus.SUCCESS
    assert house.state("1.9.1") == "CANCELED"
    progress = house.steps.get("1.9.1").ProcedureStepProgressInformationSequence[0]
    assert progress.ReasonForCancellation == "Not needed"
    # The result still waits: a request adds to the node's own worklist, and takes nothing away.
    waiting = list(house.steps.find(query(ProcedureStepState="SCHEDULED")))
    assert len(waiting) == 1


def test_a_performer_over_dicom_cannot_be_told_to_stop(house: House) -> None:
    house.change("IN PROGRESS")
    refused = refusal(house.steps.request_cancel, STEP, Dataset(), requester="PACS")
    assert refused == UpsStatus.PERFORMER_UNREACHABLE


def test_unknown_steps_are_unknown(house: House) -> None:
    assert refusal(house.steps.get, "2.25.404") == UpsStatus.UNKNOWN_STEP
    assert house.change("IN PROGRESS", uid="2.25.404") == 0xC307


def test_a_query_gives_what_it_asks_for_and_no_more(house: House) -> None:
    found = list(house.steps.find(query(PatientID="P*", WorklistLabel="", AdmissionID="")))
    assert len(found) == 1
    assert sorted(found[0].dir()) == [
        "AdmissionID", "PatientID", "SpecificCharacterSet", "WorklistLabel",
    ]  # fmt: skip
    assert not list(house.steps.find(query(PatientID="Q*")))


def test_a_modality_worklist_shows_what_waits_or_is_being_read(house: House) -> None:
    house.review_queue.add(fake_details(2))
    house.decide(PAGE_USER)
    wanted = Dataset()
    wanted.ScheduledStationAETitle = "AINODE"
    wanted.ScheduledProcedureStepStatus = ""
    asked = query(StudyInstanceUID="", ScheduledProcedureStepSequence=[wanted])
    found = list(house.steps.find_modality_worklist(asked))
    assert [each.StudyInstanceUID for each in found] == ["1.2.3.2"]
    scheduled = found[0].ScheduledProcedureStepSequence[0]
    assert scheduled.ScheduledProcedureStepStatus == "SCHEDULED"


def query(**keys: object) -> Query:
    made = Dataset()
    for keyword, value in keys.items():
        setattr(made, keyword, value)
    return read_identifier(made)
