"""The worklist SCP with real peers: DCMTK's findscu for Modality Worklist, pynetdicom for UPS."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_FIND, N_ACTION, N_SET
from pynetdicom.dsutils import encode

from dicom_node.domain.application_entity import Operation
from dicom_node.domain.subject import Subject
from dicom_node.network.access import Refusal, StaticAccess
from dicom_node.network.events import (
    AssociationOpened,
    AssociationRefused,
    QueryAnswered,
    ReceptionEvent,
    StepChanged,
)
from dicom_node.network.worklist_scp import WorklistScp, WorklistScpSettings
from dicom_node.ups.codes import (
    MODALITY_WORKLIST,
    UPS_PULL,
    UPS_PUSH,
    UPS_WATCH,
    VERIFICATION,
)
from dicom_node.ups.fakes import FakeAnalyses, FakeSteps
from dicom_node.ups.presentation import Station
from dicom_node.ups.service import ProcedureSteps
from dicom_node.workflow.testing.fakes import FakeClock
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue, fake_details
from tests.peers import dcmtk
from tests.peers.process import wait_until
from tests.peers.raw_scu import rejection
from tests.unit.ups.requests import KEY, a_performance, a_request

COUNT = 5
PERMITTED = {
    "WS1": frozenset({Operation.ECHO, Operation.WORKLIST}),
    "WS2": frozenset({Operation.ECHO, Operation.WORKLIST}),
    "CR1": frozenset({Operation.ECHO, Operation.STORE}),
}


@pytest.fixture
def review_queue() -> FakeReviewQueue:
    made = FakeReviewQueue(clock=FakeClock())
    for number in range(1, COUNT + 1):
        made.add(fake_details(number))
    return made


@pytest.fixture
def scp(review_queue: FakeReviewQueue) -> Iterator[WorklistScp]:
    store = FakeSteps(review_queue=review_queue)
    for number in range(1, COUNT + 1):
        study = f"1.2.3.{number}"
        store.subjects[study] = Subject(
            study_instance_uid=study,
            patient_id=f"P{number}",
            patient_name="Müller^Jörg" if number == 1 else f"Test^{number}",
            accession_number=f"A{number}",
        )
    steps = ProcedureSteps(
        store=store,
        review_queue=review_queue,
        analyses=FakeAnalyses(known={"1.2.3.1": 1}),
        station=Station(ae_title="AINODE"),
        clock=review_queue.clock,
    )
    settings = WorklistScpSettings(ae_title="AINODE", host="127.0.0.1", port=0, max_results=COUNT)
    running = WorklistScp(settings, steps=steps, access=StaticAccess(PERMITTED))
    running.start()
    yield running
    running.stop()


@contextmanager
def associated(scp: WorklistScp, calling: str = "WS1") -> Iterator[Association]:
    ae = AE(ae_title=calling)
    for sop_class in (VERIFICATION, MODALITY_WORKLIST, UPS_PUSH, UPS_PULL, UPS_WATCH):
        ae.add_requested_context(sop_class)
    association = ae.associate("127.0.0.1", scp.port, ae_title="AINODE")
    yield association
    if association.is_established:
        association.release()


def dataset(**values: Any) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def found(association: Association, sop_class: str = UPS_PULL, **keys: Any) -> list[Dataset]:
    answers = list(association.send_c_find(dataset(**keys), sop_class))
    assert answers[-1][0].Status == 0x0000
    return [identifier for status, identifier in answers[:-1] if identifier is not None]


def change(association: Association, uid: str, state: str, key: str = KEY) -> int:
    """Ask for a change of state under UPS Pull; the instance is one of UPS Push (CC.2.1.2)."""
    information = dataset(ProcedureStepState=state, TransactionUID=key)
    status, _ = association.send_n_action(information, 1, UPS_PUSH, uid, meta_uid=UPS_PULL)
    return int(status.Status)


@pytest.mark.peer
def test_findscu_reads_the_modality_worklist(scp: WorklistScp, tmp_path: Path) -> None:
    peer = dcmtk.Peer(ae_title="AINODE", port=scp.port)
    done = dcmtk.run(
        "findscu", "-W", "-X", "-od", tmp_path, "-aet", "WS1", "-aec", "AINODE",
        "-k", "PatientName=m*", "-k", "PatientID", "-k", "StudyInstanceUID",
        "-k", "(0040,0100)[0].Modality=CR", "-k", "(0040,0100)[0].ScheduledStationAETitle",
        peer.host, str(peer.port),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob("*.dcm")
    item = dcmread(file, force=True)
    assert item.PatientName == "Müller^Jörg"
    assert item.PatientID == "P1"
    assert item.StudyInstanceUID == "1.2.3.1"
    assert item.ScheduledProcedureStepSequence[0].ScheduledStationAETitle == "AINODE"


@pytest.mark.peer
def test_findscu_may_stop_a_query(scp: WorklistScp) -> None:
    done = dcmtk.run(
        "findscu", "-W", "-v", "--cancel", "2", "-aet", "WS1", "-aec", "AINODE",
        "-k", "PatientID", "127.0.0.1", str(scp.port),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Received Final Find Response" in done.stdout + done.stderr


@pytest.mark.peer
def test_a_device_that_only_stores_is_refused(scp: WorklistScp) -> None:
    done = dcmtk.run(
        "findscu", "-W", "-aet", "CR1", "-aec", "AINODE", "-k", "PatientID",
        "127.0.0.1", str(scp.port),
    )  # fmt: skip
    assert done.returncode != 0
    stranger = dcmtk.echoscu(dcmtk.Peer(ae_title="AINODE", port=scp.port), calling="NOBODY")
    assert stranger.returncode != 0


def test_unknown_callers_and_wrong_names_are_rejected(scp: WorklistScp) -> None:
    asked = [(UPS_PULL, ExplicitVRLittleEndian)]
    node, other = (dcmtk.Peer(ae_title=title, port=scp.port) for title in ("AINODE", "OTHER"))
    assert rejection(node, "NOBODY", asked) == Refusal.CALLING_AE_UNKNOWN.value
    assert rejection(other, "WS1", asked) == Refusal.CALLED_AE_UNKNOWN.value


def test_of_two_workstations_one_claims_and_the_other_learns_so(scp: WorklistScp) -> None:
    with associated(scp, "WS1") as first, associated(scp, "WS2") as second:
        (waiting,) = found(first, ProcedureStepState="SCHEDULED", PatientID="P1", SOPInstanceUID="")
        uid = waiting.SOPInstanceUID
        assert change(first, uid, "IN PROGRESS") == 0x0000
        assert change(second, uid, "IN PROGRESS", "2.25.99") == 0xC302
        assert change(second, uid, "COMPLETED", "2.25.99") == 0xC301
        assert change(second, uid, "SCHEDULED", "2.25.99") == 0xC303
        assert change(first, uid, "COMPLETED") == 0xC304
        assert not found(second, ProcedureStepState="SCHEDULED", PatientID="P1")
        assert change(first, uid, "CANCELED") == 0x0000
        (again,) = found(second, ProcedureStepState="SCHEDULED", PatientID="P1", SOPInstanceUID="")
        assert again.SOPInstanceUID != uid
        assert change(second, again.SOPInstanceUID, "IN PROGRESS", "2.25.99") == 0x0000


def test_of_many_that_claim_at_once_exactly_one_succeeds(scp: WorklistScp) -> None:
    statuses: list[int] = []

    def claim(number: int) -> None:
        with associated(scp, f"WS{number % 2 + 1}") as association:
            statuses.append(change(association, "2.25.2", "IN PROGRESS", f"2.25.{number + 1000}"))

    threads = [Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [0x0000] + [0xC302] * 7


def test_a_step_is_read_and_written(scp: WorklistScp) -> None:
    with associated(scp) as association:
        status, step = association.send_n_get(
            [0x00741000, 0x00100020], UPS_PUSH, "2.25.1", meta_uid=UPS_PULL
        )
        assert status.Status == 0x0000
        assert step.ProcedureStepState == "SCHEDULED"
        assert step.PatientID == "P1"
        assert "ProcedureStepLabel" not in step
        modification = a_performance()
        modification.TransactionUID = "2.25.1"
        status, _ = association.send_n_set(modification, UPS_PUSH, "2.25.1", meta_uid=UPS_PULL)
        assert status.Status == 0x0000
        status, _ = association.send_n_get([], UPS_PUSH, "2.25.404", meta_uid=UPS_PULL)
        assert status.Status == 0xC307


def test_a_pacs_puts_a_study_up_for_review(scp: WorklistScp) -> None:
    with associated(scp) as association:
        status, _ = association.send_n_create(a_request("1.2.3.3"), UPS_PUSH, "1.9.1")
        assert status.Status == 0x0000
        status, _ = association.send_n_create(a_request("1.2.3.3"), UPS_PUSH, "1.9.1")
        assert status.Status == 0x0111
        performer = dataset(HumanPerformerName="reader*")
        (step,) = found(
            association,
            SOPInstanceUID="",
            WorklistLabel="WARD*",
            ScheduledHumanPerformersSequence=Sequence([performer]),
        )
        assert step.SOPInstanceUID == "1.9.1"
        reason = dataset(ReasonForCancellation="Not needed")
        status, _ = association.send_n_action(reason, 2, UPS_PUSH, "1.9.1")
        assert status.Status == 0x0000
        status, _ = association.send_n_action(reason, 2, UPS_PUSH, "1.9.1")
        assert status.Status == 0xB304


def test_subscriptions_and_unknown_actions_are_refused_in_so_many_words(scp: WorklistScp) -> None:
    lock = dataset(ReceivingAE="WS1", DeletionLock="FALSE")
    with associated(scp) as association:
        status, _ = association.send_n_action(lock, 3, UPS_PUSH, "2.25.1", meta_uid=UPS_WATCH)
        assert status.Status == 0xC315
        status, _ = association.send_n_action(lock, 9, UPS_PUSH, "2.25.1", meta_uid=UPS_WATCH)
        assert status.Status == 0x0123


def test_more_matches_than_are_given_are_not_passed_over_in_silence(
    scp: WorklistScp, review_queue: FakeReviewQueue
) -> None:
    review_queue.add(fake_details(COUNT + 1))
    with associated(scp) as association:
        answers = list(association.send_c_find(dataset(PatientID=""), UPS_PULL))
    assert len(answers) == COUNT + 1
    assert answers[-1][0].Status == 0xA700
    assert "narrow" in answers[-1][0].ErrorComment


@pytest.mark.parametrize(
    "keys",
    [
        {"ReferencedRequestSequence": [{"AccessionNumber": "1"}, {"AccessionNumber": "2"}]},
        {"ReferencedRequestSequence": [{"StudyInstanceUID": "1.2.?"}]},
        {"SOPInstanceUID": "2.25.*"},
    ],
)
def test_a_query_that_cannot_be_matched_is_refused(scp: WorklistScp, keys: dict[str, Any]) -> None:
    wrong = dataset(
        **{
            keyword: Sequence([dataset(**item) for item in value])
            if isinstance(value, list)
            else value
            for keyword, value in keys.items()
        }
    )
    with associated(scp) as association:
        answers = list(association.send_c_find(wrong, UPS_PULL))
    assert [status.Status for status, _ in answers] == [0xA900]


def test_what_workstations_ask_and_change_is_told_to_the_audit_trail(scp: WorklistScp) -> None:
    told: list[ReceptionEvent] = []
    scp._emit = told.append
    with associated(scp) as association:
        keys = {"ProcedureStepState": "SCHEDULED", "SOPInstanceUID": ""}
        uid = str(found(association, **keys)[0].SOPInstanceUID)
        assert change(association, uid, "IN PROGRESS") == 0x0000
        assert change(association, "1.2.3.999", "IN PROGRESS") != 0x0000
    node = dcmtk.Peer(ae_title="AINODE", port=scp.port)
    assert rejection(node, "STRANGER", [(UPS_PULL, ExplicitVRLittleEndian)]) is not None
    wait_until(lambda: len(told) >= 4, "the refusal to be told")
    kinds = [type(each) for each in told]
    assert kinds == [AssociationOpened, QueryAnswered, StepChanged, AssociationRefused]
    assert [each.step_uid for each in told if isinstance(each, StepChanged)] == [uid]
    assert [each.calling_ae for each in told[:3]] == ["WS1"] * 3  # type: ignore[union-attr]


def answered(association: Association, message: Any) -> int:
    """Send a message as it is, over the context of UPS Pull; return the status of its answer."""
    (context,) = (
        each for each in association.accepted_contexts if each.abstract_syntax == UPS_PULL
    )
    association._reactor_checkpoint.clear()  # so that nobody else takes the answer
    wait_until(lambda: association._is_paused, "pynetdicom to pause")
    association.dimse.send_msg(message, context.context_id or 0)
    _, answer = association.dimse.get_msg(block=True)
    association._reactor_checkpoint.set()
    assert answer is not None
    return int(answer.Status)


def cut(made: Dataset) -> BytesIO:
    """Return a data set in Implicit VR without its last four bytes."""
    data = encode(made, is_implicit_vr=True, is_little_endian=True)
    assert data is not None
    return BytesIO(data[:-4])


@pytest.mark.parametrize(
    "identifier",
    [
        pytest.param(BytesIO(b"nobody here speaks DICOM"), id="rubbish"),
        pytest.param(cut(dataset(SOPInstanceUID="", PatientID="P1234567")), id="cut"),
        pytest.param(None, id="none"),
    ],
)
def test_a_query_that_is_not_all_there_is_no_query_for_everything(
    scp: WorklistScp, identifier: BytesIO | None
) -> None:
    request: Any = C_FIND()
    request.MessageID, request.Priority = 7, 0
    request.AffectedSOPClassUID = UPS_PULL
    request.Identifier = identifier
    with associated(scp) as association:
        assert answered(association, request) == 0xA900
        assert found(association, PatientID="P1", SOPInstanceUID="")


def test_a_change_that_is_cut_off_changes_nothing(scp: WorklistScp) -> None:
    """What is left of a value is another value, and a step would go on under it."""
    with associated(scp) as association:
        uid = str(found(association, PatientID="P1", SOPInstanceUID="")[0].SOPInstanceUID)
        assert change(association, uid, "IN PROGRESS") == 0x0000
        request: Any = N_SET()
        request.MessageID = 7
        request.RequestedSOPClassUID, request.RequestedSOPInstanceUID = UPS_PUSH, uid
        wanted = dataset(TransactionUID=KEY, WorklistLabel="WARD 12345678")
        request.ModificationList = cut(wanted)
        assert answered(association, request) == 0x0110
        action: Any = N_ACTION()
        action.MessageID, action.ActionTypeID = 8, 1
        action.RequestedSOPClassUID, action.RequestedSOPInstanceUID = UPS_PUSH, uid
        action.ActionInformation = cut(
            dataset(ProcedureStepState="CANCELED", TransactionUID=f"{KEY}.123")
        )
        assert answered(association, action) == 0x0110
        (step,) = found(association, PatientID="P1", ProcedureStepState="", WorklistLabel="")
    assert (step.ProcedureStepState, "WARD" in step.WorklistLabel) == ("IN PROGRESS", False)


@pytest.mark.parametrize("leaves", [False, True])
def test_a_search_that_finds_nothing_ends_with_who_asked_for_it(
    scp: WorklistScp, monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    """By C-CANCEL, or by the end of the association: not when the last step has been looked at."""
    looking, ended = Event(), Event()

    def fruitless(_query: object, *, wanted: Callable[[], bool]) -> Iterator[Dataset]:
        while wanted():
            looking.set()
        ended.set()
        yield from ()

    monkeypatch.setattr(scp._steps, "find", fruitless)
    with associated(scp) as association:
        answers = association.send_c_find(dataset(PatientID="P1"), UPS_PULL, msg_id=7)
        assert looking.wait(60.0)
        if leaves:
            association.abort()
        else:
            association.send_c_cancel(7, query_model=UPS_PULL)
            assert [status.Status for status, _ in answers] == [0xFE00]
        assert ended.wait(60.0)


def test_no_more_steps_are_looked_at_than_are_for_a_query(
    scp: WorklistScp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dicom_node.ups.service.MOST_LOOKED_AT", COUNT - 1)
    with associated(scp) as association:
        answers = list(association.send_c_find(dataset(WorklistLabel="*nowhere*"), UPS_PULL))
        assert [status.Status for status, _ in answers] == [0xA700]
        assert "narrow the query" in answers[0][0].ErrorComment
