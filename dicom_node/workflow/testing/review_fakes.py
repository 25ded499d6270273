"""Working stand-ins for the worklist and the Warehouse, in memory, for tests, trials and pages."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from ai_engine.prediction import Code, HeatMap, Region
from dicom_node.domain.device import Device
from dicom_node.domain.review.first_reading import FirstReading, JudgedLabel
from dicom_node.domain.review.queue import (
    EVERYTHING_OPEN,
    FIRST_PAGE,
    ItemFilter,
    ItemPage,
    Page,
    Sort,
)
from dicom_node.domain.review.ranking import leading_label_of, priority_of, uncertainty_of
from dicom_node.domain.review.review import (
    FindingUnderReview,
    Reopening,
    ReviewDetails,
    Reviewer,
    ReviewImage,
    ReviewItem,
    ReviewState,
    Verdict,
)
from dicom_node.domain.review.rules import (
    check_holder_name,
    check_read_first,
    claimed,
    decided,
    extended,
    released,
    reopened,
)
from dicom_node.domain.review.vocabulary import vocabulary_of
from dicom_node.domain.warehouse import (
    ALL_RECORDS,
    LabelCount,
    LabelTruth,
    WarehouseFilter,
    WarehouseRecord,
    as_reviewed,
    counted,
)
from dicom_node.errors import NotFoundError
from dicom_node.workflow.testing.fakes import FAKE_MODEL, FakeClock

_LEASE = timedelta(minutes=15)
_ORDERS: dict[Sort, Callable[[ReviewItem], tuple[float, ...]]] = {
    Sort.TRIAGE: lambda each: (each.rank, each.received_at.timestamp()),
    Sort.OLDEST: lambda each: (each.received_at.timestamp(),),
    Sort.NEWEST: lambda each: (-each.received_at.timestamp(),),
    Sort.UNCERTAINTY: lambda each: (-each.told_uncertainty, each.received_at.timestamp()),
}


@dataclass(slots=True)
class FakeReviewQueue:
    """A worklist that lives as long as the process; keeps every rule of the real one."""

    clock: Callable[[], datetime] = field(default_factory=FakeClock)
    details: dict[str, ReviewDetails] = field(default_factory=dict)
    given: dict[str, list[Verdict]] = field(default_factory=dict)
    drawn: dict[str, bytes] = field(default_factory=dict)
    firsts: dict[tuple[str, str], FirstReading] = field(default_factory=dict)

    def add(self, details: ReviewDetails) -> None:
        """Put an item on the list."""
        self.details[details.item.item_id] = details

    def items(
        self,
        wanted: ItemFilter = EVERYTHING_OPEN,
        sort: Sort = Sort.TRIAGE,
        page: Page = FIRST_PAGE,
    ) -> ItemPage:
        """Return one page of items."""
        found = self._ordered(wanted, sort)
        names = [each.item_id for each in found]
        start = names.index(page.after) + 1 if page.after in names else 0
        shown = tuple(found[start : start + page.size])
        more = len(found) > start + page.size
        return ItemPage(
            items=shown,
            next=shown[-1].item_id if more else "",
            disagreeing=frozenset(
                each.item_id for each in shown if self.details[each.item_id].disagrees
            ),
        )

    def counts(self, most: int | None = None) -> Mapping[ReviewState, int]:
        """Return how many items there are in each state, or at least ``most``."""
        states = [each.item.state_at(self.clock()) for each in self.details.values()]
        counted = {state: states.count(state) for state in dict.fromkeys(states)}
        return counted if most is None else {each: min(n, most) for each, n in counted.items()}

    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """Return the values that filters may take."""
        items = [each.item for each in self.details.values()]
        values = {
            "device_id": {each.device.device_id for each in items},
            "modality": {each.modality for each in items},
            "body_part": {each.body_part for each in items},
            "route": {each.route for each in items},
            "model_name": {each.model.name for each in items},
            "label": {label for each in self.details.values() for label in _to_choose(each)},
        }
        return {name: tuple(sorted(found - {""})) for name, found in values.items()}

    def item(self, item_id: str) -> ReviewItem:
        """Return one item."""
        if item_id not in self.details:
            raise NotFoundError(f"review item {item_id} does not exist")
        return self.details[item_id].item

    def open(self, item_id: str, reviewer: Reviewer) -> ReviewDetails:
        """Return everything about an item that this reviewer may see."""
        item = self.item(item_id)
        adjudicates = item.disputed and item.holder == reviewer.user_name
        shown = item.state is ReviewState.DECIDED or adjudicates
        readings = self.readings(item_id) if shown else ()
        if (history := self.details[item_id].history) and not readings:
            readings = history[-1].readings
        return replace(self.details[item_id], readings=readings)

    def to_judge(self, item_id: str) -> ReviewDetails:
        """Return what a verdict on an item is about."""
        self.item(item_id)
        return self.details[item_id]

    def claim(self, item_id: str, reviewer: Reviewer) -> ReviewItem:
        """Hold an item for this reviewer."""
        readers = [each.reviewer.user_name for each in self.readings(item_id)]
        return self._keep(
            claimed(self.item(item_id), reviewer, readers=readers, now=self.clock(), lease=_LEASE)
        )

    def extend(self, item_id: str, reviewer: Reviewer) -> ReviewItem:
        """Hold on to a claimed item."""
        return self._keep(extended(self.item(item_id), reviewer, now=self.clock(), lease=_LEASE))

    def release(self, item_id: str, reviewer: Reviewer) -> ReviewItem:
        """Give a claimed item back."""
        return self._keep(released(self.item(item_id), reviewer))

    def next_for(
        self,
        reviewer: Reviewer,
        wanted: ItemFilter = EVERYTHING_OPEN,
        sort: Sort = Sort.TRIAGE,
        *,
        after: str = "",
    ) -> ReviewItem | None:
        """Return the first item that this reviewer could claim."""
        now = self.clock()
        for each in self._ordered(wanted, sort):
            held = each.is_held(now) and each.holder != reviewer.user_name
            read = any(
                one.reviewer.user_name == reviewer.user_name for one in self.readings(each.item_id)
            )
            if each.is_open and not held and not read and each.item_id != after:
                return each
        return None

    def take_next(
        self,
        reviewer: Reviewer,
        wanted: ItemFilter = EVERYTHING_OPEN,
        sort: Sort = Sort.TRIAGE,
    ) -> ReviewItem | None:
        """Claim the first item that nobody else holds."""
        item = self.next_for(reviewer, wanted, sort)
        return None if item is None else self.claim(item.item_id, reviewer)

    def decide_and_take(
        self, verdict: Verdict, wanted: ItemFilter = EVERYTHING_OPEN, sort: Sort = Sort.TRIAGE
    ) -> tuple[ReviewItem, ReviewItem | None]:
        """Record a verdict, and claim what its reviewer reads next."""
        return self.decide(verdict), self.take_next(verdict.reviewer, wanted, sort)

    def decide(self, verdict: Verdict) -> ReviewItem:
        """Record a verdict on an item that its reviewer holds."""
        now = self.clock()
        first = self.first_reading(verdict.item_id, verdict.reviewer.user_name)
        check_read_first(self.item(verdict.item_id), first)
        item = decided(
            self.item(verdict.item_id),
            verdict,
            findings=self.details[verdict.item_id].findings,
            ct=self.details[verdict.item_id].ct,
            earlier=self.readings(verdict.item_id),
            now=now,
        )
        self.given.setdefault(verdict.item_id, []).append(replace(verdict, decided_at=now))
        return self._keep(item)

    def reopen(self, item_id: str, reviewer: Reviewer, reason: str) -> ReviewItem:
        """Take a verdict back, and hold the item for this reviewer."""
        item, now, said = self.item(item_id), self.clock(), self.readings(item_id)
        changed = reopened(
            item, reviewer, reason, readings=said, now=now, lease=_LEASE, is_known=True
        )
        taken = Reopening(
            item_id=item_id,
            number=changed.reopened,
            by=reviewer.user_name,
            reason=reason,
            at=now,
            decided_by=item.decided_by,
            decided_at=item.decided_at or now,
            readings=said,
        )
        self.given[item_id] = []
        details = self.details[item_id]
        self.details[item_id] = replace(details, history=(*details.history, taken))
        return self._keep(changed)

    def history(self, item_id: str) -> tuple[Reopening, ...]:
        """Return each time that a verdict was taken back."""
        return self.details[item_id].history

    def say_first(self, first: FirstReading) -> None:
        """Keep what somebody who holds the item sees before being shown the result."""
        check_holder_name(self.item(first.item_id), first.reader, self.clock())
        self.firsts.setdefault((first.item_id, first.reader), first)

    def first_reading(self, item_id: str, reader: str) -> FirstReading | None:
        """Return what a reader saw first on an item."""
        return self.firsts.get((item_id, reader))

    def unread_items(
        self, reader: str, *, everything: bool, studies: Collection[str]
    ) -> Mapping[str, str]:
        """Return the open items that a reader has yet to judge unseen, and their studies."""
        return {
            each.item_id: each.study_instance_uid
            for each in (details.item for details in self.details.values())
            if each.study_instance_uid in studies
            and each.is_open
            and not each.reopened
            and (everything or each.reads_first)
            and (each.item_id, reader) not in self.firsts
        }

    def unread_studies(
        self, reader: str, *, everything: bool, study: str | None = None
    ) -> frozenset[str]:
        """Return the studies with an open result that a reader has yet to judge unseen."""
        items = (each.item for each in self.details.values())
        return frozenset(
            each.study_instance_uid
            for each in items
            if each.is_open
            and not each.reopened
            and (everything or each.reads_first)
            and (each.item_id, reader) not in self.firsts
            and study in (None, each.study_instance_uid)
        )

    def judged_labels(self, most: int) -> Sequence[JudgedLabel]:
        """Return nothing: what becomes of first readings is asked of the database."""
        return ()

    def contours(self, item_id: str) -> bytes:
        """Return the outlines on a CT's slices."""
        return self.drawn[item_id]

    def readings(self, item_id: str) -> tuple[Verdict, ...]:
        """Return every verdict on an item."""
        return tuple(self.given.get(self.item(item_id).item_id, ()))

    def _keep(self, item: ReviewItem) -> ReviewItem:
        self.details[item.item_id] = replace(self.details[item.item_id], item=item)
        return item

    def _ordered(self, wanted: ItemFilter, sort: Sort) -> list[ReviewItem]:
        found = [
            each.item for each in self.details.values() if _is_wanted(each.item, wanted, self.clock)
        ]
        return sorted(found, key=lambda each: (*_ORDERS[sort](each), each.item_id))


@dataclass(slots=True)
class FakeWarehouse:
    """A Warehouse in memory."""

    kept: dict[str, WarehouseRecord] = field(default_factory=dict)
    aside: list[WarehouseRecord] = field(default_factory=list)

    def file(self, record: WarehouseRecord) -> None:
        """Keep a record."""
        kept = self.kept.setdefault(record.record_id, record)
        if kept.decided_at < record.decided_at:
            self.aside.append(kept)
            self.kept[record.record_id] = record

    def supersede(
        self, record_id: str, *, decided_until: datetime, by: str, why: str, at: datetime
    ) -> None:
        """Set a record aside whose verdict was taken back."""
        del by, why, at
        if record_id in self.kept and self.kept[record_id].decided_at <= decided_until:
            self.aside.append(self.kept.pop(record_id))

    def record(self, record_id: str) -> WarehouseRecord:
        """Return one record."""
        if record_id not in self.kept:
            raise NotFoundError(f"the Warehouse has no record {record_id}")
        return as_reviewed(self.kept[record_id])

    def records(self, wanted: WarehouseFilter = ALL_RECORDS) -> Iterator[WarehouseRecord]:
        """Yield records, oldest verdict first."""
        for each in sorted(self.kept.values(), key=lambda one: (one.decided_at, one.record_id)):
            if (
                wanted.device_id in ("", each.device.device_id)
                and wanted.model_name in ("", each.model.name)
                and wanted.model_version in ("", each.model.version)
                and (wanted.decided_from is None or each.decided_at >= wanted.decided_from)
                and (wanted.decided_until is None or each.decided_at < wanted.decided_until)
            ):
                yield as_reviewed(each)

    def truths(self, wanted: WarehouseFilter = ALL_RECORDS) -> Iterator[LabelTruth]:
        """Yield label truths, oldest verdict first."""
        for record in self.records(wanted):
            yield from (each for each in record.truths if wanted.label in ("", each.label))

    def devices(self) -> Mapping[str, Device]:
        """Return the devices that have records."""
        return {each.device.device_id: each.device for each in self.kept.values()}

    def counts(self) -> tuple[LabelCount, ...]:
        """Return the counts by device and label."""
        return counted(self.truths())


def fake_details(
    number: int = 1,
    *,
    probabilities: Sequence[tuple[str, float]] = (("opacity", 0.9), ("effusion", 0.1)),
    threshold: float = 0.5,
    urgent: bool = False,
    readers: int = 1,
    received_at: datetime = datetime(2026, 1, 1, tzinfo=UTC),
) -> ReviewDetails:
    """Make a review item of one 512×512 radiograph with these labels and probabilities."""
    image = ReviewImage(
        sop_instance_uid=f"1.2.3.{number}.1.1",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.1",
        series_instance_uid=f"1.2.3.{number}.1",
        instance_number=1,
        rows=512,
        columns=512,
        number_of_frames=1,
    )
    findings = tuple(
        _finding(image, label, probability, threshold) for label, probability in probabilities
    )
    positive = sorted(
        (each for each in findings if each.is_positive), key=lambda each: -each.probability
    )
    item = ReviewItem(
        item_id=f"{number:032x}",
        study_instance_uid=f"1.2.3.{number}",
        device=Device(calling_ae="CR1", manufacturer="Maker", model_name="Plate 1"),
        modality="CR",
        body_part="CHEST",
        route="chest-radiograph",
        model=FAKE_MODEL,
        calibration="model default",
        received_at=received_at,
        created_at=received_at + timedelta(seconds=2),
        priority=priority_of(findings, urgent=urgent),
        uncertainty=uncertainty_of(findings),
        positive_labels=tuple(each.label for each in positive),
        leading_label=leading_label_of(findings),
        readers=readers,
    )
    return ReviewDetails(
        item=item, images=(image,), findings=findings, vocabulary=vocabulary_of(findings)
    )


def _to_choose(details: ReviewDetails) -> set[str]:
    if details.item.reads_first:
        return {each.label for each in details.findings}
    return {details.item.leading_label}


def _finding(
    image: ReviewImage, label: str, probability: float, threshold: float
) -> FindingUnderReview:
    values = np.zeros((12, 12), np.float32)
    values[6:9, 2:5] = 1.0
    positive = probability >= threshold
    whole = Region(left=0, top=0, right=image.columns, bottom=image.rows)
    return FindingUnderReview(
        image_uid=image.sop_instance_uid,
        label=label,
        title=label.capitalize(),
        code=Code(value=f"fake-{label}"[:16], scheme="99FAKE", meaning=label),
        site=Code(value="39607008", scheme="SCT", meaning="Lung structure"),
        probability=probability,
        threshold=threshold,
        boxes=(Region(left=85, top=256, right=213, bottom=384),) if positive else (),
        heat_map=HeatMap(values=values, region=whole),
    )


def _is_wanted(item: ReviewItem, wanted: ItemFilter, clock: Callable[[], datetime]) -> bool:
    return (
        item.state_at(clock()) in wanted.states
        and wanted.device_id in ("", item.device.device_id)
        and wanted.modality in ("", item.modality)
        and wanted.body_part in ("", item.body_part)
        and wanted.route in ("", item.route)
        and wanted.model_name in ("", item.model.name)
        and (not wanted.label or (wanted.label == item.leading_label and not item.is_kept))
        and wanted.holder in ("", item.holder)
        and wanted.study_instance_uid in ("", item.study_instance_uid)
        and (wanted.studies is None or item.study_instance_uid in wanted.studies)
        and wanted.priority in (None, item.priority)
        and (wanted.received_from is None or item.received_at >= wanted.received_from)
        and (wanted.received_until is None or item.received_at < wanted.received_until)
    )
