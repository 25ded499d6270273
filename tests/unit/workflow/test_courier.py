"""Evidence reaches each destination, or it is known why not."""

from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from dicom_node.domain.application_entity import Role
from dicom_node.domain.delivery import Delivery, DeliveryState, RetryPolicy
from dicom_node.domain.evidence import EvidenceObject
from dicom_node.domain.job import Job
from dicom_node.persistence.ae_titles import AeTitleStore
from dicom_node.persistence.corridor.deliveries import DeliveryStore
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.workflow.delivery.courier import Courier, CourierParts
from dicom_node.workflow.delivery.plan import Planning
from dicom_node.workflow.delivery.ports import Outcome
from dicom_node.workflow.testing.fakes import FakeClock, FakeProver, FakeSender
from sr_templates.evidence_kind import EvidenceKind
from tests.unit.builders import EPOCH, an_entity, an_instance
from tests.unit.persistence.test_hotbase import JOB
from tests.unit.workflow.fitted import fitting, proving

pytestmark = pytest.mark.slow

LOST, REFUSED, NEVER = Outcome.LOST, Outcome.REFUSED, Outcome.NEVER
DAY = 24 * 3600.0


class Office:
    """A courier for PACS, jobs with an SR, an SC and a held SC each, and two clocks."""

    def __init__(self, engine: sa.Engine) -> None:
        self.clock = FakeClock(EPOCH)
        self.monotonic = 0.0
        self.sender = FakeSender()
        self.prover = FakeProver()
        self.engine = engine
        self.hotbase = Hotbase(engine)
        self.deliveries = DeliveryStore(engine)
        self.ae_titles = AeTitleStore(engine)
        self.ae_titles.put(an_entity("PACS", roles=frozenset({Role.PACS})), actor="t", at=EPOCH)
        StudyIndex(engine).record([an_instance("1.1")])
        self.woken: list[str] = []
        self.planning = Planning(results=self.hotbase, ledger=self.deliveries, clock=self.clock)
        self.planning.wake_with(self.woken.append)
        self.courier = self.a_courier()

    def a_courier(self, policy: RetryPolicy = RetryPolicy()) -> Courier:  # noqa: B008 - frozen
        """Return a courier as after a start of the node."""
        return Courier("PACS", self.parts(policy))

    def parts(self, policy: RetryPolicy = RetryPolicy()) -> CourierParts:  # noqa: B008 - frozen
        """Return what couriers work with."""
        return CourierParts(
            ledger=self.deliveries,
            results=self.hotbase,
            ae_titles=self.ae_titles,
            sender=self.sender,
            fitting=fitting(self.hotbase, self.deliveries, self.clock),
            proving=proving(self.engine, self.clock, self.prover),
            policy=policy,
            chance=lambda: 0.5,
            clock=self.clock,
            monotonic=lambda: self.monotonic,
        )

    def planned(self, name: str = "a", **changes: object) -> Delivery:
        """Plan the delivery of a job's evidence, a second after the one before."""
        job: Job = replace(JOB, job_id=name * 32, **changes)  # type: ignore[arg-type]
        self.hotbase.add_job(job, at=EPOCH)
        self.hotbase.keep_evidence(
            [
                _object(name, "1", EvidenceKind.SR),
                _object(name, "2", EvidenceKind.SC),
                _object(name, "3", EvidenceKind.SC, "a problem"),
            ]
        )
        self.clock.advance(1)
        self.planning.plan(job)
        (delivery,) = self.deliveries.of_job(job.job_id)
        return delivery

    def pass_time(self, seconds: float) -> None:
        """Let both clocks go on."""
        self.monotonic += seconds
        self.clock.advance(seconds)

    def state(self, delivery: Delivery) -> DeliveryState:
        return self.deliveries.get(delivery.delivery_id).state

    def sent(self) -> list[str]:
        """Return the paths of what was stored, in its order."""
        return [path for _, paths in self.sender.sent for path in paths]


def _object(name: str, number: str, kind: EvidenceKind, *problems: str) -> EvidenceObject:
    return EvidenceObject(
        sop_instance_uid=f"2.{ord(name)}.{number}",
        sop_class_uid="1.2.3",
        series_instance_uid="1.2.4",
        kind=kind,
        job_id=name * 32,
        path=f"{name}{number}",
        problems=problems,
    )


@pytest.fixture
def office(engine: sa.Engine) -> Office:
    return Office(engine)


def test_what_was_removed_here_is_not_sent_and_that_is_said(office: Office) -> None:
    """A destination that is new gets what is here still of an old result."""
    some, none = office.planned("a"), office.planned("b")
    for name, kinds in (("a", [EvidenceKind.SC]), ("b", [EvidenceKind.SC, EvidenceKind.SR])):
        office.hotbase.keep_evidence(
            [
                replace(each, path="")
                for each in office.hotbase.evidence(name * 32)
                if each.kind in kinds and not each.is_held
            ]
        )
    office.courier.round()
    assert office.sent() == ["a1"]
    assert office.state(some) is DeliveryState.DELIVERED
    assert "sc: removed here" in office.deliveries.get(some.delivery_id).last_error
    assert office.state(none) is DeliveryState.FAILED
    assert "sr, sc: removed here" in office.deliveries.get(none.delivery_id).last_error


def test_what_a_destination_did_not_store_as_it_was_sent_is_said(office: Office) -> None:
    delivery = office.planned("a")
    office.sender.remarks = {"a1": "stored with a warning status 0xB000"}
    office.courier.round()
    assert office.state(delivery) is DeliveryState.DELIVERED
    assert "warning status 0xB000" in office.deliveries.get(delivery.delivery_id).last_error


def test_what_the_gate_holds_is_not_sent(office: Office) -> None:
    delivery = office.planned()
    assert office.woken == ["PACS"]
    assert office.courier.round() is None
    assert office.sent() == ["a1", "a2"], "the report first"
    assert office.state(delivery) is DeliveryState.DELIVERED


def test_a_destination_gets_only_the_kinds_it_wants(office: Office) -> None:
    pacs = an_entity("PACS", roles=frozenset({Role.PACS}), evidence=(EvidenceKind.SR,))
    office.ae_titles.put(pacs, actor="t", at=EPOCH)
    office.planned()
    office.courier.round()
    assert office.sent() == ["a1"]


def test_many_deliveries_go_over_one_association_urgent_first_and_then_oldest_first(
    office: Office,
) -> None:
    for name in "abc":
        office.planned(name)
    office.planned("d", urgent=True)
    assert office.courier.round() is None
    assert office.sent() == ["d1", "d2", "a1", "a2", "b1", "b2", "c1", "c2"]
    assert office.sender.associations == 1


def test_what_becomes_urgent_while_others_are_sent_is_next(office: Office) -> None:
    for name in "ab":
        office.planned(name)
    move = office.deliveries.move

    def and_an_urgent_one_comes(*args: object, **kwargs: object) -> None:
        move(*args, **kwargs)  # type: ignore[arg-type]
        office.deliveries.move = move  # type: ignore[method-assign]
        office.planned("u", urgent=True)

    office.deliveries.move = and_an_urgent_one_comes  # type: ignore[method-assign]
    office.courier.round()
    assert office.sent() == ["a1", "a2", "u1", "u2", "b1", "b2"]


def test_only_what_is_missing_is_sent_again(office: Office) -> None:
    office.sender.answers = {"a1": [REFUSED]}
    delivery = office.planned()
    assert office.courier.round() == pytest.approx(5.0)
    assert office.deliveries.get(delivery.delivery_id).last_error == (
        "PACS did not store 1 of 2 objects: a1 refused"
    )
    office.pass_time(5)
    assert office.courier.round() is None
    assert office.sent() == ["a2", "a1"], "the overlay once"
    assert office.state(delivery) is DeliveryState.DELIVERED


def test_while_a_destination_is_away_one_probe_at_a_time_goes_there_then_everything(
    office: Office,
) -> None:
    office.sender.away = "cannot be reached"
    waiting = [office.planned(name) for name in "abcdef"]
    pauses = []
    for _ in range(6):
        pause = office.courier.round()
        assert pause is not None
        pauses.append(pause)
        office.pass_time(pause)
    assert pauses == [5, 10, 20, 40, 60, 60], "no longer than a minute between two probes"
    assert (office.sender.associations, office.sender.probes) == (0, 5)
    assert {office.state(each) for each in waiting} == {DeliveryState.RETRYING}
    (outage,) = office.deliveries.outages()
    assert (outage.waiting, outage.error) == (6, "PACS cannot be reached")
    office.sender.away = ""
    assert office.courier.round() is None
    assert office.sender.associations == 1
    assert {office.state(each) for each in waiting} == {DeliveryState.DELIVERED}
    assert office.deliveries.outages() == ()


def test_a_destination_that_refuses_everything_for_an_hour_gets_everything_after_that(
    office: Office,
) -> None:
    waiting = [office.planned(name) for name in "abcdef"]
    paths = [f"{name}{number}" for name in "abcdef" for number in "12"]
    office.sender.answers = {path: [REFUSED] * 99 for path in paths}
    begun = office.monotonic
    tries = 0
    while office.monotonic < begun + 3600:
        pause = office.courier.round()
        assert pause is not None
        tries += 1
        office.pass_time(max(pause, 0.1))
    assert len(office.deliveries.outages()) == 1
    assert tries < 120, "about one try a minute, not six"
    office.sender.answers.clear()
    for _ in range(3):
        if (pause := office.courier.round()) is not None:
            office.pass_time(pause)
    assert {office.state(each) for each in waiting} == {DeliveryState.DELIVERED}


def test_one_object_at_which_the_peer_breaks_off_does_not_hold_up_the_others(
    office: Office,
) -> None:
    bad, *good = [office.planned(name) for name in "abcdef"]
    office.sender.answers = {"a2": [LOST] * 99}
    for _ in range(3):
        pause = office.courier.round()
        assert pause is not None
    assert {office.state(each) for each in good} == {DeliveryState.DELIVERED}
    assert office.state(bad) is DeliveryState.RETRYING
    assert office.sender.probes == 1
    assert office.deliveries.get(bad.delivery_id).attempts == 1
    assert office.deliveries.outages() == (), "the destination is not down"


def test_what_can_never_work_is_given_up_at_once_and_may_be_tried_again(office: Office) -> None:
    office.sender.answers = {"a1": [NEVER]}
    delivery = office.planned()
    assert office.courier.round() is None
    assert office.state(delivery) is DeliveryState.FAILED
    assert office.deliveries.retry_given_up("PACS") == 1
    assert office.courier.round() is None
    assert office.sent() == ["a2", "a1"]


def test_what_may_pass_is_waited_for_although_another_object_can_never_work(
    office: Office,
) -> None:
    office.sender.answers = {"a1": [NEVER] * 2, "a2": [REFUSED]}
    delivery = office.planned()
    assert office.courier.round() == pytest.approx(5.0)
    office.pass_time(5)
    assert office.courier.round() is None
    assert office.state(delivery) is DeliveryState.FAILED
    assert office.sent() == ["a2"]


def test_a_delivery_is_given_up_after_the_promised_time_of_trying(office: Office) -> None:
    assert RetryPolicy().give_up_after == timedelta(days=3)
    courier = office.a_courier(RetryPolicy(give_up_after=timedelta(hours=1)))
    office.sender.away = "cannot be reached"
    delivery = office.planned()
    while (pause := courier.round()) is not None:
        office.pass_time(max(pause, 60))
    assert office.state(delivery) is DeliveryState.FAILED
    assert 3600 <= office.monotonic < 3600 + 180
    assert office.deliveries.given_up_counts() == {"PACS": 1}


@pytest.mark.parametrize("days", [4, -4])
def test_a_clock_that_jumps_four_days_neither_gives_up_nor_strands_anything(
    office: Office, days: int
) -> None:
    office.sender.answers = {"a1": [REFUSED]}
    refused = office.planned()
    office.courier.round()
    office.sender.away = "cannot be reached"
    held = office.planned("b")
    office.clock.now += timedelta(days=days)
    for _ in range(3):
        office.pass_time(office.courier.round() or 0)
    assert office.deliveries.given_up_counts() == {}
    office.sender.away = ""
    for _ in range(3):
        if (pause := office.courier.round()) is not None:
            office.pass_time(pause)
    assert {office.state(each) for each in (refused, held)} == {DeliveryState.DELIVERED}
    assert office.monotonic < 300


def test_days_in_which_the_node_stood_still_are_no_days_of_trying(office: Office) -> None:
    office.sender.away = "cannot be reached"
    delivery = office.planned()
    office.courier.round()
    office.pass_time(10 * DAY)
    office.a_courier().round()  # a new process
    office.pass_time(10 * DAY)
    office.courier.round()  # a process that was suspended
    assert office.state(delivery) is DeliveryState.RETRYING


def test_a_destination_that_nobody_administers_may_be_added_later(office: Office) -> None:
    office.ae_titles.remove("PACS", actor="t", at=EPOCH)
    delivery = office.planned()
    assert office.courier.round() == pytest.approx(5.0)
    assert "ae add" in office.deliveries.get(delivery.delivery_id).last_error
    office.ae_titles.put(an_entity("PACS", roles=frozenset({Role.PACS})), actor="t", at=EPOCH)
    office.pass_time(5)
    assert office.courier.round() is None
    assert office.state(delivery) is DeliveryState.DELIVERED


def test_an_error_that_nobody_foresaw_is_of_one_delivery_only(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(self: object, paths: list[str]) -> None:
        raise ZeroDivisionError(paths)

    bad = office.planned("a")
    with monkeypatch.context() as fault:
        fault.setattr("dicom_node.workflow.testing.fakes.FakeLine.send", stumble)
        office.courier.round()
    good = office.planned("b")
    office.courier.round()
    assert office.state(good) is DeliveryState.DELIVERED
    assert "ZeroDivisionError" in office.deliveries.get(bad.delivery_id).last_error
    office.pass_time(5)
    assert office.courier.round() is None
    assert office.state(bad) is DeliveryState.DELIVERED


def test_a_finished_delivery_is_neither_planned_nor_sent_again(office: Office) -> None:
    office.planned()
    office.courier.round()
    office.woken.clear()
    office.planning.plan(JOB)
    assert office.woken == []
    assert office.courier.round() is None
    assert len(office.sent()) == 2


def test_a_destination_that_another_node_serves_is_left_to_it(office: Office) -> None:
    office.planned()
    parts = replace(office.courier._parts, sole=lambda _: nullcontext(False))
    assert Courier("PACS", parts).round() == 5.0
    assert office.sent() == []
