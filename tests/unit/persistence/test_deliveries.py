"""Deliveries: the rows that are the queue."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from dicom_node.domain.delivery import Delivery, DeliveryState
from dicom_node.domain.evidence import EvidenceSet
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.persistence.corridor.deliveries import DeliveryStore
from dicom_node.persistence.corridor.hotbase import Hotbase
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.tables import DELIVERIES
from tests.unit.builders import EPOCH, an_instance
from tests.unit.persistence.test_hotbase import JOB

SECOND = timedelta(seconds=1)
LONGEST = timedelta(minutes=20)


@pytest.fixture
def deliveries(engine: sa.Engine) -> DeliveryStore:
    StudyIndex(engine).record([an_instance("1.1")])
    hotbase = Hotbase(engine)
    for number in range(3):
        hotbase.add_job(replace(JOB, job_id=f"{number}" * 32), at=EPOCH)
    hotbase.add_job(JOB, at=EPOCH)
    return DeliveryStore(engine)


def plan(store: DeliveryStore, number: int = 0, *, urgent: bool = False) -> Delivery:
    """Plan one delivery of each job, each a second after the one before."""
    return store.plan(f"{number}" * 32, "PACS", at=EPOCH + number * SECOND, urgent=urgent)


def due(store: DeliveryStore, seconds: float = 60) -> list[str]:
    """Return the jobs of what is due, in its order."""
    found = store.due("PACS", EPOCH + seconds * SECOND, longest_wait=LONGEST, limit=10)
    return [each.job_id[0] for each in found]


def test_a_delivery_is_planned_once_for_each_destination(deliveries: DeliveryStore) -> None:
    first = deliveries.plan(JOB.job_id, "PACS", at=EPOCH)
    deliveries.move(first.delivery_id, DeliveryState.DELIVERED, at=EPOCH)
    again = deliveries.plan(JOB.job_id, "PACS", at=EPOCH)
    other = deliveries.plan(JOB.job_id, "OTHER", at=EPOCH)
    assert again.delivery_id == first.delivery_id != other.delivery_id
    assert again.state is DeliveryState.DELIVERED
    assert deliveries.destinations() == ("OTHER",)
    assert deliveries.counts() == {
        ("PACS", DeliveryState.DELIVERED): 1,
        ("OTHER", DeliveryState.PENDING): 1,
    }


def test_urgent_leaves_before_older_and_older_before_newer(deliveries: DeliveryStore) -> None:
    for number in (2, 0):
        plan(deliveries, number)
    plan(deliveries, 1, urgent=True)
    assert due(deliveries) == ["1", "0", "2"]


def test_what_another_route_wants_at_once_becomes_urgent(deliveries: DeliveryStore) -> None:
    assert not plan(deliveries).urgent
    assert plan(deliveries, urgent=True).urgent
    assert plan(deliveries).urgent


def test_a_failed_try_is_due_again_at_its_time(deliveries: DeliveryStore) -> None:
    planned = plan(deliveries)
    for tries in (1, 2):
        deliveries.move(
            planned.delivery_id,
            DeliveryState.RETRYING,
            at=EPOCH,
            error="refused",
            not_before=EPOCH + 60 * SECOND,
        )
        assert deliveries.get(planned.delivery_id).attempts == tries
    assert due(deliveries, 59) == []
    assert deliveries.next_due("PACS") == EPOCH + 60 * SECOND
    assert due(deliveries, 60) == ["0"]
    assert deliveries.get(planned.delivery_id).last_error == "refused"


def test_a_clock_that_is_put_back_four_days_strands_no_delivery(deliveries: DeliveryStore) -> None:
    planned = plan(deliveries)
    ahead = EPOCH + timedelta(days=4)
    deliveries.move(
        planned.delivery_id, DeliveryState.RETRYING, at=ahead, not_before=ahead + 10 * SECOND
    )
    assert due(deliveries) == ["0"]


def test_what_a_destination_has_is_known(deliveries: DeliveryStore) -> None:
    planned = plan(deliveries)
    deliveries.move(planned.delivery_id, DeliveryState.RETRYING, at=EPOCH, stored=["2.1"])
    assert deliveries.get(planned.delivery_id).stored == ("2.1",)


def test_what_is_delivered_is_sent_again_only_when_something_is_added(
    deliveries: DeliveryStore,
) -> None:
    told = deliveries.plan(JOB.job_id, "PACS", at=EPOCH, evidence_set=EvidenceSet.FAILURE)
    first = deliveries.plan(JOB.job_id, "PACS", at=EPOCH)
    for each in (told, first):
        deliveries.move(each.delivery_id, DeliveryState.DELIVERED, at=EPOCH, stored=["2.1"])
    with pytest.raises(ConflictError):
        deliveries.move(first.delivery_id, DeliveryState.FAILED, at=EPOCH)
    deliveries.reopen(JOB.job_id, EvidenceSet.RESULT)
    reopened = deliveries.get(first.delivery_id)
    assert (reopened.state, reopened.stored) == (DeliveryState.PENDING, ("2.1",))
    assert deliveries.get(told.delivery_id).state is DeliveryState.DELIVERED


def test_a_destination_that_is_down_is_named_until_it_is_back(deliveries: DeliveryStore) -> None:
    planned = [plan(deliveries, number) for number in range(2)]
    deliveries.move(
        planned[0].delivery_id, DeliveryState.RETRYING, at=EPOCH, not_before=EPOCH + LONGEST
    )
    assert deliveries.hold("PACS", "cannot be reached", at=EPOCH) == 2
    deliveries.hold("PACS", "rejected", at=EPOCH + 60 * SECOND)
    (outage,) = deliveries.outages()
    assert (outage.destination, outage.since, outage.error) == ("PACS", EPOCH, "rejected")
    assert outage.waiting == 2
    assert {deliveries.get(each.delivery_id).last_error for each in planned} == {"rejected"}
    deliveries.back("PACS")
    assert deliveries.outages() == ()
    assert due(deliveries) == ["0", "1"], "what had to wait is due now"


def test_what_was_tried_for_long_enough_is_given_up_and_what_was_never_tried_is_not(
    deliveries: DeliveryStore,
) -> None:
    tried, untried = plan(deliveries, 0), plan(deliveries, 1)
    deliveries.move(tried.delivery_id, DeliveryState.RETRYING, at=EPOCH)
    limit = timedelta(seconds=100)
    assert deliveries.age("PACS", 99, give_up_after=limit) == 0
    assert deliveries.age("PACS", 1, give_up_after=limit) == 1
    assert deliveries.get(tried.delivery_id).state is DeliveryState.FAILED
    assert deliveries.get(untried.delivery_id).state is DeliveryState.PENDING


def test_given_up_deliveries_are_listed_in_pages_and_tried_again_in_bulk(
    deliveries: DeliveryStore,
) -> None:
    planned = [plan(deliveries, number) for number in range(3)]
    other = deliveries.plan(JOB.job_id, "OTHER", at=EPOCH)
    for each in (*planned, other):
        deliveries.move(each.delivery_id, DeliveryState.FAILED, at=EPOCH, error="never")
    assert deliveries.given_up_counts() == {"PACS": 3, "OTHER": 1}
    first = deliveries.given_up("PACS", limit=2)
    rest = deliveries.given_up("PACS", after=first[-1])
    assert [each.job_id for each in first + rest] == [each.job_id for each in planned]
    assert len(deliveries.given_up(since=EPOCH + 2 * SECOND)) == 1
    assert deliveries.retry_given_up("PACS", since=EPOCH + SECOND) == 2
    assert deliveries.retry_given_up(delivery_ids=[other.delivery_id]) == 1
    assert deliveries.given_up_counts() == {"PACS": 1}
    assert deliveries.retry_given_up() == 1
    assert due(deliveries) == ["0", "1", "2"]


def test_ever_so_many_deliveries_of_one_moment_are_listed_without_loss(
    engine: sa.Engine, deliveries: DeliveryStore
) -> None:
    titles = [f"P{number}" for number in range(1203)]
    common = {
        "job_id": JOB.job_id,
        "state": DeliveryState.FAILED,
        "attempts": 1,
        "created_at": EPOCH,
        "last_error": "never",
    }
    rows = [{"delivery_id": title, "destination": title, **common} for title in titles]
    with engine.begin() as connection:
        connection.execute(sa.insert(DELIVERIES), rows)
    assert len(deliveries.of_job(JOB.job_id)) == len(titles)
    found: list[Delivery] = []
    while page := deliveries.given_up(after=found[-1] if found else None, limit=500):
        found.extend(page)
    assert sorted(each.destination for each in found) == sorted(titles)


def test_an_unknown_delivery_is_a_clear_error(deliveries: DeliveryStore) -> None:
    with pytest.raises(NotFoundError, match="delivery x does not exist"):
        deliveries.get("x")
