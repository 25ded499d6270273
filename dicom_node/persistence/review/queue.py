"""The worklist on the Hotbase: who holds what, and what was decided.

What may happen to an item is in ``domain.review.rules``. A change is written only where the row
still is what the rule has seen (its version), so that of any number of experts who claim or
decide at once exactly one succeeds, and the others learn why not.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from threading import Lock

import sqlalchemy as sa

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.review.external_report import ExternalReport
from dicom_node.domain.review.first_reading import FirstReading, JudgedLabel
from dicom_node.domain.review.queue import (
    EVERYTHING_OPEN,
    FIRST_PAGE,
    ItemFilter,
    ItemPage,
    NotReopenedError,
    Page,
    Sort,
)
from dicom_node.domain.review.review import (
    CtUnderReview,
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
    check_reported,
    claimed,
    decided,
    decided_externally,
    extended,
    released,
    reopened,
)
from dicom_node.domain.review.slices import measured
from dicom_node.domain.review.vocabulary import vocabulary_of
from dicom_node.domain.review.words import one_line
from dicom_node.errors import ConflictError, NotFoundError
from dicom_node.persistence.corridor.result_reading import (
    disagreeing,
    made_of,
    refusals_of,
    remarks_of,
)
from dicom_node.persistence.review import first_readings, item_rows, putting_up, reopening
from dicom_node.persistence.review.external_reports import external_reports
from dicom_node.persistence.review.queue_query import end_of, item_queries
from dicom_node.persistence.review.rows import (
    item_of,
)
from dicom_node.persistence.review.tables import (
    EXTERNAL_REPORTS,
    IS_UNCONCLUDED,
    REVIEW_CT,
    REVIEW_ITEMS,
)
from dicom_node.persistence.upsert import insert_or_ignore

Rule = Callable[[sa.Connection, ReviewItem], ReviewItem]
Then = Callable[[sa.Connection], ReviewItem | None]
_ITEMS = REVIEW_ITEMS.c
# Several changes of one item at the same moment are rare; this many in a row do not happen.
_TRIES = 50
# Items whose findings are kept at hand: more than people read at the same moment.
_MOST_KNOWN = 64


class HotbaseReviewQueue:
    """Review items in the Hotbase; safe from several threads and processes."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        images: Callable[[str], Sequence[ReceivedInstance]],
        clock: Callable[[], datetime],
        lease: timedelta,
        on_decided: Callable[[str], None] = lambda _item_id: None,
        on_reopened: Callable[[], None] = lambda: None,
    ) -> None:
        """Take what a worklist needs.

        Parameters
        ----------
        images
            Gives the instances of an item, by its identifier.
        lease
            How long a claim holds without being extended.
        on_decided
            Is told the identifier of each item that this process has decided.
        on_reopened
            Is told when this process has taken a verdict back.
        """
        self._engine = engine
        self._images = images
        self._clock = clock
        self._lease = lease
        self._on_decided = on_decided
        self._on_reopened = on_reopened
        self._known: OrderedDict[tuple[str, datetime], tuple[FindingUnderReview, ...]] = (
            OrderedDict()
        )
        self._lock = Lock()
        # Who waits for SQLite's own lock looks again now and then; here each has its turn at once.
        self._turn: AbstractContextManager[object] = (
            Lock() if engine.dialect.name == "sqlite" else nullcontext()
        )

    def add(
        self,
        item: ReviewItem,
        findings: Sequence[FindingUnderReview] = (),
        ct: tuple[CtUnderReview, bytes] | None = None,
    ) -> None:
        """Put an item on the list; it takes the place of what the same model said before.

        ``ct`` are a CT's figures and the outlines on its slices. Adding an item again changes
        nothing.
        """
        with self._engine.begin() as connection:
            putting_up.put(connection, item, findings, ct)

    def items(
        self,
        wanted: ItemFilter = EVERYTHING_OPEN,
        sort: Sort = Sort.TRIAGE,
        page: Page = FIRST_PAGE,
    ) -> ItemPage:
        """Return one page of items."""
        rows: list[sa.RowMapping] = []
        with self._read() as connection:
            for query in item_queries(wanted, sort, page):
                rows += connection.execute(query).mappings()
                if len(rows) > page.size:
                    break
            shown = rows[: page.size]
            doubted = disagreeing(connection, [row["item_id"] for row in shown])
        return ItemPage(
            items=tuple(item_of(row) for row in shown),
            next=end_of(shown[-1], sort) if len(rows) > page.size else "",
            disagreeing=doubted,
        )

    def counts(self, most: int | None = None) -> Mapping[ReviewState, int]:
        """Return how many items there are in each state, or at least ``most``."""
        every = sa.select(_ITEMS.state, sa.func.count()).group_by(_ITEMS.state)
        query = every if most is None else sa.union_all(*(_up_to(most, one) for one in ReviewState))
        with self._read() as connection:
            found = connection.execute(query)
            return {ReviewState(state): count for state, count in found if count}

    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """Return the values that filters may take."""
        with self._read() as connection:
            return putting_up.choices(connection)

    def item(self, item_id: str) -> ReviewItem:
        """Return one item."""
        with self._read() as connection:
            return item_rows.item(connection, item_id)

    def of_study(self, study_instance_uid: str) -> tuple[ReviewItem, ...]:
        """Return a study's items, newest first."""
        query = (
            sa.select(REVIEW_ITEMS)
            .where(_ITEMS.study_instance_uid == study_instance_uid)
            .order_by(_ITEMS.created_at.desc())
        )
        with self._read() as connection:
            return tuple(item_of(row) for row in connection.execute(query).mappings())

    def findings(self, item_id: str) -> tuple[FindingUnderReview, ...]:
        """Return what the model said, in its order."""
        with self._read() as connection:
            return item_rows.findings(connection, item_id)

    def ct(self, item_id: str) -> CtUnderReview | None:
        """Return a CT's figures; None for what is none."""
        with self._read() as connection:
            return item_rows.ct(connection, item_id)

    def contours(self, item_id: str) -> bytes:
        """Return the outlines on a CT's slices, as gzipped JSON."""
        query = sa.select(REVIEW_CT.c.contours).where(REVIEW_CT.c.item_id == item_id)
        with self._read() as connection:
            found: bytes | None = connection.scalar(query)
        if found is None:
            raise NotFoundError(f"Item {item_id} is no CT: there are no outlines.")
        return found

    def readings(self, item_id: str) -> tuple[Verdict, ...]:
        """Return every verdict on an item, oldest first."""
        with self._read() as connection:
            return item_rows.readings(connection, item_id)

    def open(self, item_id: str, reviewer: Reviewer) -> ReviewDetails:
        """Return everything about an item that this reviewer may see."""
        with self._read() as connection:
            item = item_rows.item(connection, item_id)
            findings = self._said(connection, item)
            ct = item_rows.ct(connection, item_id) if not findings else None
            remarks = remarks_of(connection, item_id)
            refusals = refusals_of(connection, item_id)
            made = made_of(connection, item.study_instance_uid)
            external = external_reports(connection, EXTERNAL_REPORTS.c.item_id == item_id)
            adjudicates = item.disputed and item.holder == reviewer.user_name
            shown = item.state is ReviewState.DECIDED or adjudicates
            readings = item_rows.readings(connection, item_id) if shown else ()
            history = reopening.history_of(connection, item_id) if item.reopened else ()
            if history and not readings:
                readings = history[-1].readings
        images = tuple(sorted(map(_image, self._images(item_id)), key=_in_order))
        return ReviewDetails(
            item=item,
            images=images if ct is None else measured(images, ct),
            findings=findings,
            vocabulary=vocabulary_of(findings) if ct is None else (),
            remarks=remarks,
            refusals=refusals,
            made=made,
            external=external,
            readings=readings,
            history=history,
            ct=ct,
        )

    def to_judge(self, item_id: str) -> ReviewDetails:
        """Return what a verdict on an item is about, without what is only shown beside it."""
        with self._read() as connection:
            item = item_rows.item(connection, item_id)
            findings = self._said(connection, item)
            ct = item_rows.ct(connection, item_id) if not findings else None
        return ReviewDetails(item=item, images=(), findings=findings, vocabulary=(), ct=ct)

    def say_first(self, first: FirstReading) -> None:
        """Keep what somebody who holds the item sees before being shown the result."""
        now = self._clock()
        with self._engine.begin() as connection:
            item = item_rows.item(connection, first.item_id)
            check_holder_name(item, first.reader, now)
            first_readings.keep(connection, replace(first, given_at=now))

    def first_reading(self, item_id: str, reader: str) -> FirstReading | None:
        """Return what a reader saw first on an item."""
        with self._read() as connection:
            return first_readings.find(connection, item_id, reader)

    def unread_items(
        self, reader: str, *, everything: bool, studies: Collection[str]
    ) -> Mapping[str, str]:
        """Return the open items that a reader has yet to judge unseen, and their studies."""
        with self._read() as connection:
            return first_readings.unread_items(
                connection, reader, everything=everything, studies=studies
            )

    def unread_studies(
        self, reader: str, *, everything: bool, study: str | None = None
    ) -> frozenset[str]:
        """Return the studies with an open result that a reader has yet to judge unseen."""
        with self._read() as connection:
            return first_readings.unread_studies(
                connection, reader, everything=everything, study=study
            )

    def judged_labels(self, most: int) -> Sequence[JudgedLabel]:
        """Return the labels of so many decided items, by model and by readers."""
        with self._read() as connection:
            return tuple(first_readings.judged_labels(connection, most))

    def claim(self, item_id: str, reviewer: Reviewer) -> ReviewItem:
        """Hold an item for this reviewer."""

        def rule(connection: sa.Connection, item: ReviewItem) -> ReviewItem:
            read = item_rows.readings(connection, item_id) if item.readings else ()
            readers = [each.reviewer.user_name for each in read]
            return claimed(item, reviewer, readers=readers, now=self._clock(), lease=self._lease)

        return self._changed(item_id, rule)

    def extend(self, item_id: str, reviewer: Reviewer) -> ReviewItem:
        """Hold on to a claimed item."""
        return self._changed(
            item_id,
            lambda _, item: extended(item, reviewer, now=self._clock(), lease=self._lease),
        )

    def release(self, item_id: str, reviewer: Reviewer) -> ReviewItem:
        """Give a claimed item back."""
        return self._changed(item_id, lambda _, item: released(item, reviewer))

    def next_for(
        self,
        reviewer: Reviewer,
        wanted: ItemFilter = EVERYTHING_OPEN,
        sort: Sort = Sort.TRIAGE,
        *,
        after: str = "",
    ) -> ReviewItem | None:
        """Return the first item that this reviewer could claim, or already holds."""
        free = item_rows.free(reviewer, self._clock(), after)
        with self._read() as connection:
            for query in item_queries(wanted, sort, Page(size=1)):
                row = connection.execute(query.where(free)).mappings().first()
                if row is not None:
                    return item_of(row)
        return None

    def take_next(
        self,
        reviewer: Reviewer,
        wanted: ItemFilter = EVERYTHING_OPEN,
        sort: Sort = Sort.TRIAGE,
    ) -> ReviewItem | None:
        """Claim the first item that nobody else holds or is taking."""
        with self._turn, self._engine.begin() as connection:
            return self._taken(connection, reviewer, wanted, sort)

    def _taken(
        self, connection: sa.Connection, reviewer: Reviewer, wanted: ItemFilter, sort: Sort
    ) -> ReviewItem | None:
        """Claim the first free item: of those who ask at once, each gets another one.

        On SQLite they ask one after the other; on PostgreSQL a row that somebody else is about to
        claim is passed over.
        """
        now = self._clock()
        free = item_rows.free(reviewer, now)
        for query in item_queries(wanted, sort, Page(size=1)):
            first = query.where(free).limit(1).with_for_update(skip_locked=True)
            row = connection.execute(first).mappings().first()
            if row is not None:
                found = item_of(row)
                item = claimed(found, reviewer, readers=(), now=now, lease=self._lease)
                item_rows.write(connection, found, item)
                return item
        return None

    def reopen(self, item_id: str, reviewer: Reviewer, reason: str) -> ReviewItem:
        """Take a verdict back, and hold the item for this reviewer."""
        now, why = self._clock(), one_line(reason)

        def rule(connection: sa.Connection, item: ReviewItem) -> ReviewItem:
            readings = item_rows.readings(connection, item_id)
            changed = reopened(
                item,
                reviewer,
                why,
                readings=readings,
                now=now,
                lease=self._lease,
                is_known=reopening.is_concluded(connection, item_id),
            )
            if newer := reopening.newer_item(connection, item):
                raise NotReopenedError(
                    f"Item {item_id}: the study has a later result, item {newer}: judge that one."
                )
            here = reopening.what_is_here(connection, item_id)
            check_reported(has_images=here.images, has_results=here.results)
            taken = reopening.reopening_of(
                item, by=reviewer.user_name, reason=why, at=now, readings=readings
            )
            # Of two who take it back at once, one waits here, tries again, and learns that it is.
            if item_rows.holds(connection, item):
                reopening.take_back(connection, taken, item)
            return changed

        item = self._changed(item_id, rule)
        self._on_reopened()
        return item

    def history(self, item_id: str) -> tuple[Reopening, ...]:
        """Return each time that a verdict was taken back, oldest first, with what it had been."""
        with self._read() as connection:
            return reopening.history_of(connection, item_id)

    def decide(self, verdict: Verdict) -> ReviewItem:
        """Record a verdict on an item that its reviewer holds."""
        return self._decided(verdict)[0]

    def decide_and_take(
        self, verdict: Verdict, wanted: ItemFilter = EVERYTHING_OPEN, sort: Sort = Sort.TRIAGE
    ) -> tuple[ReviewItem, ReviewItem | None]:
        """Record a verdict, and claim what its reviewer reads next, in one transaction."""
        return self._decided(
            verdict, lambda connection: self._taken(connection, verdict.reviewer, wanted, sort)
        )

    def _decided(
        self, verdict: Verdict, then: Then = lambda _connection: None
    ) -> tuple[ReviewItem, ReviewItem | None]:
        now = self._clock()
        given = replace(verdict, decided_at=now)

        def rule(connection: sa.Connection, item: ReviewItem) -> ReviewItem:
            if item.reads_first:
                name = verdict.reviewer.user_name
                check_read_first(item, first_readings.find(connection, item.item_id, name))
            findings = self._said(connection, item)
            return decided(
                item,
                given,
                findings=findings,
                ct=item_rows.ct(connection, item.item_id) if not findings else None,
                earlier=item_rows.readings(connection, item.item_id) if item.readings else (),
                now=now,
            )

        item, following = self._changed_and(verdict.item_id, rule, reading=given, then=then)
        if item.state is ReviewState.DECIDED:
            self._on_decided(item.item_id)
        return item, following

    def decide_externally(self, verdict: Verdict, report: ExternalReport) -> ReviewItem:
        """Record what another workstation's report says, and the report; it needs no claim."""
        now = report.seen_at
        given = replace(verdict, decided_at=now)

        def rule(connection: sa.Connection, item: ReviewItem) -> ReviewItem:
            readers = [
                each.reviewer.user_name for each in item_rows.readings(connection, item.item_id)
            ]
            changed = decided_externally(item, verdict.reviewer, readers=readers, now=now)
            insert_or_ignore(connection, EXTERNAL_REPORTS, [asdict(report)])
            return changed

        return self._changed(verdict.item_id, rule, reading=given)

    def conclude(self, item_id: str, *, at: datetime) -> None:
        """Note that an item's verdict has become objects and a Warehouse record."""
        with self._engine.begin() as connection:
            connection.execute(
                sa.update(REVIEW_ITEMS)
                .where(_ITEMS.item_id == item_id, _ITEMS.concluded_at.is_(None))
                .values(concluded_at=at)
            )

    def unconcluded(self, before: datetime, limit: int = 1000) -> tuple[str, ...]:
        """Return the items decided before a moment whose verdicts went nowhere yet."""
        query = (
            sa.select(_ITEMS.item_id)
            .where(IS_UNCONCLUDED, _ITEMS.decided_at < before)
            .order_by(_ITEMS.decided_at)
            .limit(limit)
        )
        with self._read() as connection:
            return tuple(connection.scalars(query))

    def _changed(self, item_id: str, rule: Rule, *, reading: Verdict | None = None) -> ReviewItem:
        """Let a rule change an item, and record a reading in the same transaction."""
        return self._changed_and(item_id, rule, reading=reading)[0]

    def _changed_and(
        self,
        item_id: str,
        rule: Rule,
        *,
        reading: Verdict | None = None,
        then: Then = lambda _connection: None,
    ) -> tuple[ReviewItem, ReviewItem | None]:
        """Let a rule change an item, record a reading and do what follows in one transaction."""
        for _ in range(_TRIES):
            with self._turn, self._engine.begin() as connection:
                item = item_rows.item(connection, item_id)
                changed = rule(connection, item)
                if changed == item and reading is None:
                    return item, None
                if item_rows.write(connection, item, changed):
                    if reading is not None:
                        item_rows.keep_reading(connection, reading)
                    return changed, then(connection)
                connection.rollback()  # what the rule itself has written
        raise ConflictError(f"Item {item_id} is being changed by many at once: try again.")

    def _said(self, connection: sa.Connection, item: ReviewItem) -> tuple[FindingUnderReview, ...]:
        """Return what the model said of an item: of those looked at last without asking again.

        It never changes. An item that is made again, once its study was erased, is another one.
        """
        key = (item.item_id, item.created_at)
        with self._lock:
            if key in self._known:
                self._known.move_to_end(key)
                return self._known[key]
        found = item_rows.findings(connection, item.item_id)
        with self._lock:
            self._known[key] = found
            if len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)
        return found

    def _read(self) -> sa.Connection:
        return self._engine.connect().execution_options(read_only=True)


def _up_to(most: int, state: ReviewState) -> sa.Select[tuple[str, int]]:
    """Count the items of one state, and stop at ``most``."""
    some = sa.select(_ITEMS.item_id).where(_ITEMS.state == state.value).limit(most).subquery()
    counted = sa.select(sa.func.count()).select_from(some).scalar_subquery()
    return sa.select(sa.literal(state.value), counted)


def _image(instance: ReceivedInstance) -> ReviewImage:
    header = instance.header
    return ReviewImage(
        sop_instance_uid=instance.sop_instance_uid,
        sop_class_uid=instance.sop_class_uid,
        series_instance_uid=instance.series_instance_uid,
        instance_number=header.instance_number or 0,
        rows=header.rows or 0,
        columns=header.columns or 0,
        number_of_frames=header.number_of_frames or 1,
    )


def _in_order(image: ReviewImage) -> tuple[str, int, str]:
    return image.series_instance_uid, image.instance_number, image.sop_instance_uid
