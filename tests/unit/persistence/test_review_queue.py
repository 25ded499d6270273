"""The worklist keeps its rules whichever store it is on, and however many ask at once."""

import os
import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from dicom_node.domain.review.first_reading import FirstReading, ReadFirstError, agreements
from dicom_node.domain.review.queue import (
    AlreadyDecidedError,
    ClaimExpiredError,
    HeldByOtherError,
    ItemFilter,
    Page,
    ReviewQueue,
    Sort,
    SupersededError,
)
from dicom_node.domain.review.review import (
    FindingVerdict,
    Judgement,
    Priority,
    ReviewDetails,
    Reviewer,
    ReviewerRole,
    ReviewState,
    Verdict,
)
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.persistence.review.queue import HotbaseReviewQueue
from dicom_node.workflow.testing.fakes import FakeClock
from dicom_node.workflow.testing.review_fakes import FakeReviewQueue, fake_details

LEASE = timedelta(minutes=15)
# A minute of it: DICOM_NODE_REVIEW_SECONDS=60. A moment shows the same.
SECONDS = float(os.environ.get("DICOM_NODE_REVIEW_SECONDS", "0.5"))


def reviewer(name: str) -> Reviewer:
    return Reviewer(
        user_name=name, person_name=f"{name}^Doctor", organisation="", role=ReviewerRole.VERIFIER
    )


ADA, BEN = reviewer("ada"), reviewer("ben")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def decided_items() -> list[str]:
    return []


@pytest.fixture
def hotbase(engine: sa.Engine, clock: FakeClock, decided_items: list[str]) -> HotbaseReviewQueue:
    return HotbaseReviewQueue(
        engine, images=lambda _: (), clock=clock, lease=LEASE, on_decided=decided_items.append
    )


@pytest.fixture(params=["hotbase", "fake"])
def review_queue(
    request: pytest.FixtureRequest, clock: FakeClock, hotbase: HotbaseReviewQueue
) -> ReviewQueue:
    """The real one on each database, and the fake that pages are built on."""
    return FakeReviewQueue(clock=clock) if request.param == "fake" else hotbase


def a_verdict(item_id: str, by: Reviewer, judgement: Judgement) -> Verdict:
    number = int(item_id, 16)
    said = FindingVerdict(image_uid=f"1.2.3.{number}.1.1", label="opacity", judgement=judgement)
    return Verdict(item_id=item_id, reviewer=by, findings=(said,))


def put(review_queue: ReviewQueue, details: ReviewDetails) -> str:
    if isinstance(review_queue, FakeReviewQueue):
        review_queue.add(details)
    elif isinstance(review_queue, HotbaseReviewQueue):
        review_queue.add(details.item, details.findings)
    return details.item.item_id


def confirms(details: ReviewDetails, by: Reviewer) -> Verdict:
    return Verdict(
        item_id=details.item.item_id,
        reviewer=by,
        findings=tuple(
            FindingVerdict(
                image_uid=each.image_uid, label=each.label, judgement=Judgement.CONFIRMED
            )
            for each in details.findings
        ),
    )


def test_an_item_is_claimed_decided_and_told(
    hotbase: HotbaseReviewQueue, decided_items: list[str]
) -> None:
    details = fake_details()
    item_id = put(hotbase, details)
    put(hotbase, details)  # a repeated step adds nothing
    assert hotbase.item(item_id) == details.item
    hotbase.claim(item_id, ADA)
    with pytest.raises(HeldByOtherError):
        hotbase.claim(item_id, BEN)
    done = hotbase.decide(confirms(details, ADA))
    assert done == hotbase.item(item_id)
    assert (done.state, decided_items) == (ReviewState.DECIDED, [item_id])
    with pytest.raises(AlreadyDecidedError):
        hotbase.decide(confirms(details, ADA))
    (reading,) = hotbase.readings(item_id)
    assert reading.findings == confirms(details, ADA).findings
    assert reading.decided_at is not None
    assert hotbase.unconcluded(reading.decided_at + LEASE) == (item_id,)
    hotbase.conclude(item_id, at=reading.decided_at)
    assert hotbase.unconcluded(reading.decided_at + LEASE) == ()


def test_what_was_stored_of_a_finding_comes_back(hotbase: HotbaseReviewQueue) -> None:
    details = fake_details()
    put(hotbase, details)
    for stored, given in zip(hotbase.findings(details.item.item_id), details.findings, strict=True):
        assert replace(stored, heat_map=None) == replace(given, heat_map=None)
        assert stored.heat_map is not None
        assert given.heat_map is not None
        assert stored.heat_map.region == given.heat_map.region
        assert abs(stored.heat_map.values - given.heat_map.values).max() < 1 / 255


def test_claims_expire(review_queue: ReviewQueue, clock: FakeClock) -> None:
    details = fake_details()
    item_id = put(review_queue, details)
    review_queue.claim(item_id, ADA)
    clock.advance(LEASE.total_seconds() - 1)
    review_queue.extend(item_id, ADA)
    clock.advance(LEASE.total_seconds())
    with pytest.raises(ClaimExpiredError):
        review_queue.decide(confirms(details, ADA))
    following = review_queue.next_for(BEN)
    assert following is not None
    assert following.item_id == item_id
    review_queue.claim(item_id, BEN)
    with pytest.raises(HeldByOtherError):
        review_queue.extend(item_id, ADA)
    assert review_queue.release(item_id, BEN).state is ReviewState.WAITING


def test_two_readers_and_an_adjudicator(review_queue: ReviewQueue) -> None:
    details = fake_details(readers=2)
    item_id = put(review_queue, details)
    review_queue.claim(item_id, ADA)
    assert review_queue.decide(confirms(details, ADA)).state is ReviewState.WAITING
    assert review_queue.next_for(ADA) is None
    review_queue.claim(item_id, BEN)
    assert review_queue.open(item_id, BEN).readings == (), "a second reader reads blind"
    rejects = FindingVerdict(
        image_uid=details.findings[0].image_uid, label="opacity", judgement=Judgement.REJECTED
    )
    second = Verdict(item_id=item_id, reviewer=BEN, findings=(rejects,))
    assert review_queue.decide(second).state is ReviewState.ADJUDICATING
    cara = reviewer("cara")
    review_queue.claim(item_id, cara)
    assert [each.reviewer for each in review_queue.open(item_id, cara).readings] == [ADA, BEN]
    assert review_queue.decide(confirms(details, cara)).state is ReviewState.DECIDED
    assert len(review_queue.readings(item_id)) == 3


def test_pages_hold_every_item_once_in_every_order(review_queue: ReviewQueue) -> None:
    for number in range(1, 24):
        details = fake_details(
            number,
            probabilities=(("opacity", (number * 7 % 10) / 10),),
            urgent=number % 5 == 0,
            received_at=fake_details().item.received_at + timedelta(seconds=number // 3),
        )
        put(review_queue, details)
    for sort in Sort:
        seen = []
        page = Page(size=5)
        while True:
            found = review_queue.items(sort=sort, page=page)
            seen += found.items
            if not found.next:
                break
            page = Page(size=5, after=found.next)
        assert len({each.item_id for each in seen}) == len(seen) == 23
        ages = [each.received_at for each in seen]
        if sort is Sort.TRIAGE:
            assert [each.priority for each in seen] == sorted(each.priority for each in seen)
        elif sort is Sort.UNCERTAINTY:
            keys = [-each.uncertainty for each in seen]
            assert keys == pytest.approx(sorted(keys))
        else:
            assert ages == sorted(ages, reverse=sort is Sort.NEWEST)


def test_what_is_less_probably_normal_goes_first_and_older_items_first_where_alike(
    review_queue: ReviewQueue,
) -> None:
    start = fake_details().item.received_at
    for number, abnormality in enumerate((0.11, 0.86, None, 0.83, 0.99), start=1):
        details = fake_details(number, received_at=start + timedelta(days=number))
        put(review_queue, replace(details, item=replace(details.item, abnormality=abnormality)))
    order = ["1.2.3.5", "1.2.3.2", "1.2.3.4", "1.2.3.3", "1.2.3.1"]
    found = review_queue.items(sort=Sort.TRIAGE).items
    assert [each.study_instance_uid for each in found] == order
    assert [each.abnormality for each in found] == [0.99, 0.86, 0.83, None, 0.11]
    lately = ItemFilter(received_from=start + timedelta(days=2), priority=Priority.MEDIUM)
    found = review_queue.items(lately, Sort.TRIAGE).items
    assert [each.study_instance_uid for each in found] == order[:4]


@pytest.mark.parametrize("sort", Sort)
def test_filters_and_orders_go_together(review_queue: ReviewQueue, sort: Sort) -> None:
    first = fake_details(1)
    late = fake_details(2, received_at=first.item.received_at + timedelta(days=2))
    calm = fake_details(3, probabilities=(("opacity", 0.1),))
    for each in (first, late, calm):
        put(review_queue, each)
    review_queue.claim(late.item.item_id, ADA)

    def found(**wanted: object) -> set[str]:
        page = review_queue.items(ItemFilter(**wanted), sort)  # type: ignore[arg-type]
        return {each.study_instance_uid for each in page.items}

    assert found() == {"1.2.3.1", "1.2.3.2", "1.2.3.3"}
    assert found(device_id=first.item.device.device_id) == found()
    assert found(modality="CT") == set()
    assert found(label="opacity") == {"1.2.3.1", "1.2.3.2"}
    assert found(priority=Priority.LOW) == {"1.2.3.3"}
    assert found(holder="ada") == {"1.2.3.2"}
    assert found(states=frozenset({ReviewState.CLAIMED})) == {"1.2.3.2"}
    assert found(states=frozenset({ReviewState.WAITING})) == {"1.2.3.1", "1.2.3.3"}
    assert found(states=frozenset({ReviewState.DECIDED})) == set()
    assert found(states=frozenset(ReviewState)) == found()
    day_later = first.item.received_at + timedelta(days=1)
    assert found(received_from=day_later) == {"1.2.3.2"}
    assert found(received_until=day_later) == {"1.2.3.1", "1.2.3.3"}
    assert found(studies=frozenset({"1.2.3.3", "9.9"})) == {"1.2.3.3"}
    assert found(studies=frozenset({"1.2.3.1", "1.2.3.2"}), holder="ada") == {"1.2.3.2"}
    assert found(studies=frozenset()) == set()
    assert review_queue.choices()["label"] == ("opacity",)
    assert review_queue.counts() == {ReviewState.WAITING: 2, ReviewState.CLAIMED: 1}
    assert review_queue.counts(2) == review_queue.counts()
    assert review_queue.counts(1) == {ReviewState.WAITING: 1, ReviewState.CLAIMED: 1}


def test_a_page_that_never_was_is_said_so(hotbase: HotbaseReviewQueue) -> None:
    with pytest.raises(NotFoundError, match="start at the first"):
        hotbase.items(page=Page(after="nonsense"))
    with pytest.raises(NotFoundError, match="review list"):
        hotbase.item("f" * 32)


def test_a_later_result_takes_the_place_of_an_open_item_only(hotbase: HotbaseReviewQueue) -> None:
    first = fake_details(1)
    put(hotbase, first)
    later = replace(
        first.item,
        item_id="e" * 32,
        created_at=first.item.created_at + timedelta(minutes=1),
    )
    hotbase.claim(first.item.item_id, ADA)
    hotbase.add(later, first.findings)
    hotbase.add(first.item, first.findings)  # repeated after a crash: must not win
    with pytest.raises(SupersededError, match="e" * 32):
        hotbase.decide(confirms(first, ADA))
    assert hotbase.item("e" * 32).is_open
    hotbase.claim("e" * 32, ADA)
    hotbase.decide(replace(confirms(first, ADA), item_id="e" * 32))
    last = replace(later, item_id="d" * 32, created_at=later.created_at + timedelta(minutes=1))
    hotbase.add(last, first.findings)
    assert hotbase.item("e" * 32).state is ReviewState.DECIDED


@pytest.mark.slow
def test_twenty_experts_at_once_decide_everything_once(engine: sa.Engine) -> None:
    clock = FakeClock()
    told: list[str] = []
    review_queue = HotbaseReviewQueue(
        engine, images=lambda _: (), clock=clock, lease=LEASE, on_decided=told.append
    )
    made = [fake_details(number, readers=1 + number % 2) for number in range(1, int(200 * SECONDS))]
    for details in made:
        put(review_queue, details)
    by_id = {each.item.item_id: each for each in made}
    deadline = time.monotonic() + SECONDS
    refused: Counter[str] = Counter()
    succeeded: list[tuple[str, str]] = []

    def work(expert: Reviewer) -> None:
        while time.monotonic() < deadline:
            item = review_queue.next_for(expert)
            if item is None:
                return
            try:
                review_queue.claim(item.item_id, expert)
                review_queue.decide(confirms(by_id[item.item_id], expert))
            except ConflictError as error:
                refused[type(error).__name__] += 1
            else:
                succeeded.append((item.item_id, expert.user_name))

    threads = [
        threading.Thread(target=work, args=(reviewer(f"expert-{number}"),)) for number in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert succeeded
    assert len(set(succeeded)) == len(succeeded), "nobody reads an item twice"
    given: list[tuple[str, str]] = []
    for item_id in by_id:
        readings = review_queue.readings(item_id)
        item = review_queue.item(item_id)
        given += [(item_id, each.reviewer.user_name) for each in readings]
        assert len(readings) == item.readings <= item.readers
        assert (item.state is ReviewState.DECIDED) == (item.readings == item.readers)
        assert item.state in {ReviewState.DECIDED, ReviewState.WAITING}
    assert sorted(given) == sorted(succeeded), "nothing is lost and nothing made up"
    assert len(told) == len(set(told)) == review_queue.counts().get(ReviewState.DECIDED, 0)
    assert set(refused) <= {"HeldByOtherError", "AlreadyDecidedError", "AlreadyReadError"}


def test_agreement_is_counted_alone_and_after_seeing_the_result(
    hotbase: HotbaseReviewQueue,
) -> None:
    """Ada reads one item first and changes her mind; Ben is shown another's result at once."""
    for number in (1, 2):
        put(hotbase, fake_details(number))
    one, two = (fake_details(number).item.item_id for number in (1, 2))
    hotbase.claim(one, ADA)
    first = FirstReading(
        item_id=one,
        reader="ada",
        labels=("opacity", "effusion"),
        present=("effusion",),
        by_model=("opacity",),
    )
    hotbase.say_first(first)
    hotbase.say_first(replace(first, present=()))
    kept = hotbase.first_reading(one, "ada")
    assert kept is not None
    assert kept.present == ("effusion",)
    studies = {"1.2.3.1", "1.2.3.2"}
    assert hotbase.unread_items("ada", everything=True, studies=studies) == {two: "1.2.3.2"}
    hotbase.decide(a_verdict(one, ADA, Judgement.CONFIRMED))
    hotbase.claim(two, BEN)
    hotbase.decide(a_verdict(two, BEN, Judgement.REJECTED))
    effusion, opacity = agreements(hotbase.judged_labels(10))
    assert (effusion.label, opacity.label) == ("effusion", "opacity")
    assert (opacity.read_first, opacity.alone, opacity.after, opacity.toward) == (1, 0, 1, 1)
    assert (opacity.shown_first, opacity.shown_agreed) == (1, 0)
    assert (effusion.read_first, effusion.alone, effusion.after, effusion.toward) == (1, 0, 1, 1)
    assert (effusion.shown_first, effusion.shown_agreed, effusion.away) == (1, 1, 0)


def test_what_is_read_first_by_rule_is_not_decided_before(review_queue: ReviewQueue) -> None:
    details = fake_details(1)
    details = replace(details, item=replace(details.item, reads_first=True))
    put(review_queue, details)
    item = details.item.item_id
    assert review_queue.claim(item, ADA).reads_first
    with pytest.raises(ReadFirstError, match="say on its page what you see"):
        review_queue.decide(a_verdict(item, ADA, Judgement.CONFIRMED))
    review_queue.say_first(
        FirstReading(item_id=item, reader="ada", labels=(), present=(), by_model=())
    )
    review_queue.decide(a_verdict(item, ADA, Judgement.CONFIRMED))


def test_studies_that_a_reader_has_yet_to_judge_unseen(review_queue: ReviewQueue) -> None:
    for number, by_rule in ((1, True), (2, False), (3, True)):
        details = fake_details(number)
        put(review_queue, replace(details, item=replace(details.item, reads_first=by_rule)))
    first = fake_details(1).item.item_id
    review_queue.claim(first, ADA)
    review_queue.say_first(
        FirstReading(item_id=first, reader="ada", labels=(), present=(), by_model=())
    )
    unread = review_queue.unread_studies
    assert unread("ada", everything=False) == {"1.2.3.3"}
    assert unread("ada", everything=True) == {"1.2.3.2", "1.2.3.3"}
    assert unread("bob", everything=False) == {"1.2.3.1", "1.2.3.3"}
    assert unread("bob", everything=False, study="1.2.3.3") == {"1.2.3.3"}
    assert unread("bob", everything=False, study="1.2.3.2") == frozenset()
    review_queue.decide(a_verdict(first, ADA, Judgement.CONFIRMED))
    assert unread("bob", everything=True) == {"1.2.3.2", "1.2.3.3"}, "a decided result is known"


def test_what_is_yet_to_be_judged_unseen_is_what_each_item_says(review_queue: ReviewQueue) -> None:
    """Asked at once, and one item after the other with who has said what of it."""
    made = [fake_details(number) for number in range(1, 7)]
    for number, details in enumerate(made):
        put(review_queue, replace(details, item=replace(details.item, reads_first=number % 2 > 0)))
    ids = [each.item.item_id for each in made]
    for item in ids[:4]:
        review_queue.claim(item, ADA)
        review_queue.say_first(
            FirstReading(item_id=item, reader="ada", labels=(), present=(), by_model=())
        )
    for item in ids[:2]:
        review_queue.decide(a_verdict(item, ADA, Judgement.CONFIRMED))
    studies = {each.item.study_instance_uid for each in made[:-1]}
    seen = set()
    for reader in ("ada", "bob"):
        for everything in (False, True):
            one_by_one = {
                item.item_id: item.study_instance_uid
                for item in map(review_queue.item, ids)
                if item.study_instance_uid in studies
                and item.is_open
                and (everything or item.reads_first)
                and review_queue.first_reading(item.item_id, reader) is None
            }
            found = review_queue.unread_items(reader, everything=everything, studies=studies)
            assert dict(found) == one_by_one
            seen.add(tuple(sorted(found)))
    assert len(seen) == 4, "one for each reader and rule, or the comparison shows little"
    assert not review_queue.unread_items("bob", everything=True, studies=())


def test_neither_order_nor_filter_tells_what_must_be_read_first(review_queue: ReviewQueue) -> None:
    start = fake_details().item.received_at
    for number, probability in enumerate((0.1, 0.99, 0.51), start=1):
        details = fake_details(
            number,
            probabilities=(("opacity", probability),),
            received_at=start + timedelta(minutes=number),
        )
        kept = replace(details.item, reads_first=True, abnormality=probability)
        put(review_queue, replace(details, item=kept))
    for sort in (Sort.TRIAGE, Sort.UNCERTAINTY, Sort.OLDEST):
        found = [each.study_instance_uid for each in review_queue.items(sort=sort).items]
        assert found == ["1.2.3.1", "1.2.3.2", "1.2.3.3"], "as they came"
        assert review_queue.items(ItemFilter(label="opacity"), sort).items == ()


def test_what_may_be_filtered_by_tells_not_what_must_be_read_first(
    review_queue: ReviewQueue,
) -> None:
    details = fake_details(1)
    put(review_queue, replace(details, item=replace(details.item, reads_first=True)))
    assert review_queue.choices()["label"] == ("effusion", "opacity"), "all that is looked for"
