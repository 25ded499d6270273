"""Evidence reaches each destination, or it is known why not."""

import pytest
import sqlalchemy as sa

from dicom_node.domain.application_entity import Role
from dicom_node.domain.delivery import Delivery, DeliveryState, RetryPolicy
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.workflow.analysis.deliver import Delivering, DeliveryError
from dicom_node.workflow.testing.fakes import FakeClock, FakeSender
from sr_templates.evidence_kind import EvidenceKind
from tests.unit.builders import EPOCH, an_entity, an_instance
from tests.unit.persistence.test_hotbase import JOB
from tests.unit.workflow.fitted import fitting

GONE = DeliveryError("connection refused", retryable=True)
REFUSED = DeliveryError("SOP class not supported", retryable=False)


class Office:
    """A delivering stage with one finished job: an SR, an SC and a held SC."""

    def __init__(self, engine: sa.Engine) -> None:
        self.clock = FakeClock(EPOCH)
        self.sender = FakeSender()
        self.hotbase = Hotbase(engine)
        self.ae_titles = AeTitleStore(engine)
        self.ae_titles.put(an_entity("PACS", roles=frozenset({Role.PACS})), actor="t", at=EPOCH)
        StudyIndex(engine).record([an_instance("1.1")])
        self.hotbase.add_job(JOB, at=EPOCH)
        self.hotbase.keep_evidence(
            [
                _object("2.1", EvidenceKind.SR),
                _object("2.2", EvidenceKind.SC),
                _object("2.3", EvidenceKind.SC, "a problem"),
            ]
        )
        self.delivering = Delivering(
            results=self.hotbase,
            ae_titles=self.ae_titles,
            sender=self.sender,
            fitting=fitting(self.hotbase, self.clock),
            policy=RetryPolicy(),
            chance=lambda: 0.5,
            clock=self.clock,
        )

    def planned(self) -> Delivery:
        (delivery,) = self.delivering.plan(JOB)
        return delivery

    def state(self, delivery: Delivery) -> DeliveryState:
        return self.hotbase.delivery(delivery.delivery_id).state


def _object(uid: str, kind: EvidenceKind, *problems: str) -> EvidenceObject:
    return EvidenceObject(
        sop_instance_uid=uid,
        sop_class_uid="1.2.3",
        series_instance_uid="1.2.4",
        kind=kind,
        job_id=JOB.job_id,
        path=f"{uid}.dcm",
        problems=problems,
    )


@pytest.fixture
def office(engine: sa.Engine) -> Office:
    return Office(engine)


def test_what_the_gate_holds_is_not_sent(office: Office) -> None:
    delivery = office.planned()
    assert office.delivering.attempt(delivery.delivery_id) is None
    assert office.sender.sent == [("PACS", ("2.2.dcm", "2.1.dcm"))]
    assert office.state(delivery) is DeliveryState.DELIVERED


def test_a_destination_gets_only_the_kinds_it_wants(office: Office) -> None:
    pacs = an_entity("PACS", roles=frozenset({Role.PACS}), evidence=(EvidenceKind.SR,))
    office.ae_titles.put(pacs, actor="t", at=EPOCH)
    office.delivering.attempt(office.planned().delivery_id)
    assert office.sender.sent == [("PACS", ("2.1.dcm",))]


def test_a_destination_that_is_away_is_tried_again_later_and_later(office: Office) -> None:
    office.sender.failures = [GONE, GONE]
    delivery = office.planned()
    waits = []
    for _ in range(2):
        retry = office.delivering.attempt(delivery.delivery_id)
        assert retry is not None
        waits.append(retry.seconds)
    assert waits == [5.0, 10.0]
    assert office.hotbase.delivery(delivery.delivery_id).last_error == "connection refused"
    assert office.delivering.attempt(delivery.delivery_id) is None
    assert office.state(delivery) is DeliveryState.DELIVERED


def test_a_refusal_that_is_final_is_not_repeated(office: Office) -> None:
    office.sender.failures = [REFUSED]
    delivery = office.planned()
    assert office.delivering.attempt(delivery.delivery_id) is None
    assert office.state(delivery) is DeliveryState.FAILED


def test_a_delivery_is_given_up_in_the_end(office: Office) -> None:
    office.sender.failures = [GONE]
    delivery = office.planned()
    office.clock.advance(3 * 24 * 3600)
    assert office.delivering.attempt(delivery.delivery_id) is None
    assert office.state(delivery) is DeliveryState.FAILED


def test_a_destination_that_nobody_administers_may_be_added_later(office: Office) -> None:
    office.ae_titles.remove("PACS", actor="t", at=EPOCH)
    delivery = office.planned()
    assert office.delivering.attempt(delivery.delivery_id) is not None
    assert "ae add" in office.hotbase.delivery(delivery.delivery_id).last_error


def test_a_finished_delivery_is_neither_planned_nor_sent_again(office: Office) -> None:
    delivery = office.planned()
    office.delivering.attempt(delivery.delivery_id)
    assert office.delivering.plan(JOB) == ()
    assert office.delivering.attempt(delivery.delivery_id) is None
    assert len(office.sender.sent) == 1
