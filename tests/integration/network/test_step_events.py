"""Who has subscribed to procedure steps is told what becomes of them, whoever changes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pynetdicom import AE
from pynetdicom.association import Association

from dicom_node.configuration.settings import NodeSettings, load_settings
from dicom_node.domain.application_entity import Role
from dicom_node.node.messages import Messages
from dicom_node.node.procedure_steps import Workstations
from dicom_node.node.repositories import Repositories
from dicom_node.persistence.corridor.message_tables import PEER_MESSAGES
from dicom_node.persistence.corridor.messages import MessageState
from dicom_node.ups.codes import UPS_PUSH, UPS_WATCH
from dicom_node.ups.subscriptions import FILTERED, GLOBAL
from dicom_node.workflow.testing.review_fakes import fake_details
from tests.peers.informed import Ear, Told, listening
from tests.peers.process import free_port
from tests.unit.builders import EPOCH, an_entity
from tests.unit.persistence.test_procedure_steps import decide, describe
from tests.unit.ups.requests import KEY, a_request

CONFIG = Path(__file__).parents[3] / "config"
FIRST, SECOND = "2.25.1", "2.25.2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ward:
    """A node's worklist with two results, and a workstation that listens as WS1."""

    repositories: Repositories
    workstations: Workstations
    messages: Messages
    ear: Ear = field(default_factory=Ear)

    @contextmanager
    def associated(self, title: str = "WS1") -> Iterator[Association]:
        ae = AE(ae_title=title)
        for sop_class in (UPS_PUSH, UPS_WATCH):
            ae.add_requested_context(sop_class)
        association = ae.associate("127.0.0.1", self.workstations.port, ae_title="AINODE")
        assert association.is_established
        yield association
        association.release()

    def act(self, action: int, uid: str, title: str = "WS1", **said: Any) -> int:
        information = Dataset()
        for keyword, value in said.items():
            setattr(information, keyword, value)
        with self.associated(title) as association:
            status, _ = association.send_n_action(
                information or None, action, UPS_PUSH, uid, meta_uid=UPS_WATCH
            )
        return int(status.Status)

    def subscribe(self, uid: str, **keys: Any) -> int:
        return self.act(3, uid, ReceivingAE="WS1", DeletionLock="FALSE", **keys)

    def heard(self) -> list[Told]:
        """Return what is told from now on, until nothing is left to be told."""
        self.workstations.sweep()
        self.messages.sweep()
        told, self.ear.told = list(self.ear.told), []
        return told

    def add(self, number: int) -> None:
        details = fake_details(number, received_at=datetime.now(UTC))
        self.repositories.review_queue().add(details.item, details.findings)
        describe(self.repositories.engine, f"1.2.3.{number}")


@pytest.fixture
def ward(tmp_path: Path) -> Iterator[Ward]:
    base = load_settings(CONFIG)
    worklist = base.worklist.model_copy(update={"enabled": True, "port": 0})
    settings: NodeSettings = base.model_copy(
        update={"data_dir": tmp_path / "data", "worklist": worklist}
    )
    repositories = Repositories(settings)
    repositories.prepare(CONFIG)
    made = Ward(
        repositories=repositories,
        workstations=Workstations(settings, repositories),
        messages=Messages(settings, repositories),
    )
    for number in (1, 2):
        made.add(number)
    with listening(made.ear, "WS1") as port:
        for title in ("WS1", "WS2"):
            entity = an_entity(title, host="127.0.0.1", port=port, roles=frozenset({Role.WORKLIST}))
            repositories.ae_titles.put(entity, actor="t", at=EPOCH)
        made.workstations.start()
        yield made
        made.workstations.stop()
    repositories.close()


def states(told: list[Told]) -> list[tuple[str, str]]:
    assert all(each.event_type == 1 for each in told)
    return [(each.uid, str(each.dataset.ProcedureStepState)) for each in told]


def test_a_subscriber_to_all_is_told_how_they_stand_and_what_becomes_of_each(ward: Ward) -> None:
    assert ward.heard() == [], "nobody is told who has not subscribed"
    assert ward.subscribe(GLOBAL) == 0x0000
    assert sorted(states(ward.heard())) == [(FIRST, "SCHEDULED"), (SECOND, "SCHEDULED")]

    claim = {"ProcedureStepState": "IN PROGRESS", "TransactionUID": KEY}
    assert ward.act(1, FIRST, "WS2", **claim) == 0x0000
    decide(ward.repositories.review_queue(), 2)  # on the page
    ward.add(3)

    assert states(ward.heard()) == [
        (FIRST, "IN PROGRESS"), (SECOND, "COMPLETED"), ("2.25.3", "SCHEDULED")
    ]  # fmt: skip
    assert ward.heard() == []


def test_a_subscriber_to_one_step_hears_of_no_other(ward: Ward) -> None:
    assert ward.subscribe(FIRST) == 0x0000
    assert states(ward.heard()) == [(FIRST, "SCHEDULED")]
    decide(ward.repositories.review_queue(), 2)
    decide(ward.repositories.review_queue(), 1)
    told = ward.heard()
    assert states(told) == [(FIRST, "COMPLETED")]
    assert told[0].dataset.InputReadinessState == "READY"
    assert ward.repositories.subscriptions.all() == (), "a step that is over needs no subscription"


def test_a_filter_decides_and_whoever_was_told_once_is_told_the_rest(ward: Ward) -> None:
    assert ward.subscribe(FILTERED, PatientID="P2", ScheduledProcedureStepPriority="MEDIUM") == 0
    assert states(ward.heard()) == [(SECOND, "SCHEDULED")]
    update = Dataset()
    update.ScheduledProcedureStepPriority = "HIGH"
    with ward.associated("WS2") as association:
        assert association.send_n_set(update, UPS_PUSH, SECOND)[0].Status == 0
    decide(ward.repositories.review_queue(), 1)
    decide(ward.repositories.review_queue(), 2)
    assert states(ward.heard()) == [(SECOND, "COMPLETED")]


def test_subscriptions_are_suspended_and_ended(ward: Ward) -> None:
    assert ward.subscribe(GLOBAL) == 0
    assert len(ward.heard()) == 2
    assert ward.act(5, GLOBAL, ReceivingAE="WS1") == 0
    ward.add(3)
    decide(ward.repositories.review_queue(), 1)
    assert states(ward.heard()) == [(FIRST, "COMPLETED")], "new ones are no longer told of"
    assert ward.act(4, SECOND, ReceivingAE="WS1") == 0
    decide(ward.repositories.review_queue(), 2)
    assert ward.heard() == []
    assert ward.act(4, GLOBAL, ReceivingAE="WS1") == 0
    assert ward.repositories.subscriptions.is_empty()


def test_progress_assignment_and_requests_to_cancel_are_told(ward: Ward) -> None:
    claim = {"ProcedureStepState": "IN PROGRESS", "TransactionUID": KEY}
    assert ward.act(1, FIRST, "WS1", **claim) == 0
    assert ward.act(2, FIRST, "WS2", ReasonForCancellation="Wrong patient") == 0xC312
    assert ward.subscribe(FIRST) == 0
    ward.heard()
    item = Dataset()
    item.ProcedureStepProgress = "50"
    progress = Dataset()
    progress.TransactionUID = KEY
    progress.ProcedureStepProgressInformationSequence = Sequence([item])
    progress.ScheduledHumanPerformersSequence = a_request("1.2").ScheduledHumanPerformersSequence
    with ward.associated() as association:
        assert association.send_n_set(progress, UPS_PUSH, FIRST)[0].Status == 0
    assert ward.act(2, FIRST, "WS2", ReasonForCancellation="Wrong patient") == 0

    far, whose, cancel = ward.heard()

    assert [each.event_type for each in (far, whose, cancel)] == [3, 5, 2]
    (told,) = far.dataset.ProcedureStepProgressInformationSequence
    assert told.ProcedureStepProgress == 50
    assert whose.dataset.ScheduledHumanPerformersSequence[0].HumanPerformerName == "Reader^First"
    assert cancel.dataset.RequestingAE == "WS2"
    assert cancel.dataset.ReasonForCancellation == "Wrong patient"


def test_who_cannot_be_told_or_asks_amiss_learns_so(ward: Ward) -> None:
    assert ward.act(3, GLOBAL, ReceivingAE="NOBODY", DeletionLock="FALSE") == 0xC308
    assert ward.act(3, "1.2.3.4", ReceivingAE="WS1", DeletionLock="FALSE") == 0xC307
    assert ward.act(4, "1.2.3.4", ReceivingAE="WS1") == 0xC307
    assert ward.act(5, FIRST, ReceivingAE="WS1") == 0xC314
    assert ward.repositories.subscriptions.is_empty()


def test_who_is_away_hears_it_later_in_order_and_of_a_restart(ward: Ward) -> None:
    assert ward.subscribe(GLOBAL) == 0
    ward.heard()
    entity = ward.repositories.ae_titles.get("WS1")
    away = an_entity("WS1", host="127.0.0.1", port=free_port(), roles=entity.roles)
    ward.repositories.ae_titles.put(away, actor="t", at=EPOCH)
    decide(ward.repositories.review_queue(), 2)
    assert ward.heard() == []
    decide(ward.repositories.review_queue(), 1)
    ward.workstations.sweep()
    assert ward.repositories.messages.counts()[MessageState.OPEN] == 2
    ward.repositories.ae_titles.put(entity, actor="t", at=EPOCH)
    with ward.repositories.engine.begin() as connection:
        connection.execute(sa.update(PEER_MESSAGES).values(not_before=None))

    assert states(ward.heard()) == [(SECOND, "COMPLETED"), (FIRST, "COMPLETED")]

    ward.workstations.announce()
    (told,) = ward.heard()
    assert (told.uid, told.event_type, told.dataset.SCPStatus) == (GLOBAL, 4, "RESTARTED")
