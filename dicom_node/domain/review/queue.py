"""The worklist of review items: what pages, the command line and DICOM worklists work with.

ConflictError
├── HeldByOtherError        somebody else has claimed the item
├── NotClaimedError         the item must be claimed before it is decided
│   └── ClaimExpiredError   it was claimed, but the claim's time ran out
├── AlreadyDecidedError     there is a verdict already
├── SupersededError         a later result took the item's place
├── NotReopenedError        the verdict cannot be taken back, or not by this reviewer
├── AlreadyReadError        a second reader or adjudicator must be somebody else
└── UnusableVerdictError    the verdict does not fit the item
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from dicom_node.domain.review.first_reading import FirstReading, JudgedLabel
from dicom_node.domain.review.review import (
    OPEN_STATES,
    Priority,
    Reopening,
    ReviewDetails,
    Reviewer,
    ReviewItem,
    ReviewState,
    Verdict,
)
from dicom_node.errors import ConflictError


class HeldByOtherError(ConflictError):
    """Somebody else has claimed the item."""


class NotClaimedError(ConflictError):
    """The item must be claimed before it is decided."""


class ClaimExpiredError(NotClaimedError):
    """The claim's time ran out; nobody else may have taken it yet."""


class AlreadyDecidedError(ConflictError):
    """There is a verdict already."""


class SupersededError(ConflictError):
    """A later result of the same study took the item's place."""


class NotReopenedError(ConflictError):
    """The verdict cannot be taken back, or not by this reviewer, or not without a reason."""


class AlreadyReadError(ConflictError):
    """A second reader or adjudicator must be somebody else."""


class UnusableVerdictError(ConflictError):
    """The verdict does not fit the item: what it names is unknown, or something is missing."""


class Sort(StrEnum):
    """The order of a worklist; equal items go by age."""

    TRIAGE = "triage"  # priority, then how probably it is not normal, then oldest first
    OLDEST = "oldest"
    NEWEST = "newest"
    UNCERTAINTY = "uncertainty"  # nearest to a threshold first: active learning


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFilter:
    """Which items to list; what is empty holds for all.

    ``label`` is the leading label; no result has one that must be read first. ``holder`` is a user
    name, for one's own claims. ``studies`` are those that a search has found, at most some hundred;
    None holds for all, and none for none.
    """

    states: frozenset[ReviewState] = OPEN_STATES
    device_id: str = ""
    modality: str = ""
    body_part: str = ""
    route: str = ""
    model_name: str = ""
    label: str = ""
    holder: str = ""
    study_instance_uid: str = ""
    studies: frozenset[str] | None = None
    priority: Priority | None = None
    received_from: datetime | None = None
    received_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """How many items, and after which: ``after`` is the ``next`` of the page before, or empty."""

    size: int = 50
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPage:
    """Items in order; ``next`` is empty on the last page.

    ``disagreeing`` names those of them where the header of an image says one thing and its pixels
    another.
    """

    items: tuple[ReviewItem, ...]
    next: str = ""
    disagreeing: frozenset[str] = frozenset()


EVERYTHING_OPEN = ItemFilter()
FIRST_PAGE = Page()


class ReviewQueue(Protocol):
    """Review items by identifier; every method raises NotFoundError for one that is unknown."""

    def items(
        self,
        wanted: ItemFilter = EVERYTHING_OPEN,
        sort: Sort = Sort.TRIAGE,
        page: Page = FIRST_PAGE,
    ) -> ItemPage:
        """Return one page of items."""
        ...

    def counts(self, most: int | None = None) -> Mapping[ReviewState, int]:
        """Return how many items there are in each state; a state without items is absent.

        With ``most``, counting a state ends there: a page that says "more than a thousand" need
        not wait for a million to be counted.
        """
        ...

    def choices(self) -> Mapping[str, tuple[str, ...]]:
        """Return the values that filters may take: by the names of ``ItemFilter``'s fields."""
        ...

    def item(self, item_id: str) -> ReviewItem:
        """Return one item."""
        ...

    def open(self, item_id: str, reviewer: Reviewer) -> ReviewDetails:
        """Return everything about an item that this reviewer may see; claims nothing."""
        ...

    def to_judge(self, item_id: str) -> ReviewDetails:
        """Return what a verdict on an item is about, without what is only shown beside it."""
        ...

    def claim(self, item_id: str, reviewer: Reviewer) -> ReviewItem:
        """Hold an item for this reviewer until ``claimed_until``; claiming again extends it.

        Raises
        ------
        HeldByOtherError, AlreadyDecidedError, SupersededError, AlreadyReadError
        """
        ...

    def extend(self, item_id: str, reviewer: Reviewer) -> ReviewItem:
        """Hold on to a claimed item; for a page's heartbeat.

        Raises
        ------
        NotClaimedError, ClaimExpiredError, HeldByOtherError, AlreadyDecidedError, SupersededError
        """
        ...

    def release(self, item_id: str, reviewer: Reviewer) -> ReviewItem:
        """Give a claimed item back; an item that this reviewer does not hold is left alone."""
        ...

    def next_for(
        self,
        reviewer: Reviewer,
        wanted: ItemFilter = EVERYTHING_OPEN,
        sort: Sort = Sort.TRIAGE,
        *,
        after: str = "",
    ) -> ReviewItem | None:
        """Return the first item that this reviewer could claim, or already holds; claims nothing.

        ``after`` names the item that is open now: it is passed over, so that a page can preload
        the one that follows. None when nothing is left.
        """
        ...

    def take_next(
        self,
        reviewer: Reviewer,
        wanted: ItemFilter = EVERYTHING_OPEN,
        sort: Sort = Sort.TRIAGE,
    ) -> ReviewItem | None:
        """Claim the first item of ``next_for``; of several who ask at once, each gets another."""
        ...

    def decide_and_take(
        self, verdict: Verdict, wanted: ItemFilter = EVERYTHING_OPEN, sort: Sort = Sort.TRIAGE
    ) -> tuple[ReviewItem, ReviewItem | None]:
        """Record a verdict as ``decide`` does, and claim what its reviewer reads next.

        One of them without the other does not happen: what keeps the verdict from being recorded is
        raised, and nothing is claimed.
        """
        ...

    def decide(self, verdict: Verdict) -> ReviewItem:
        """Record a verdict on an item that its reviewer holds; exactly one can succeed.

        The item that comes back is DECIDED, or WAITING (another reader is wanted), or
        ADJUDICATING (the readers disagree).

        Raises
        ------
        UnusableVerdictError
            A positive finding has no verdict, or the verdict names what the item does not have.
        NotClaimedError, ClaimExpiredError, HeldByOtherError, AlreadyDecidedError, SupersededError
        """
        ...

    def reopen(self, item_id: str, reviewer: Reviewer, reason: str) -> ReviewItem:
        """Take a verdict back, and hold the item for this reviewer.

        What had been said is kept in the item's history, and the Warehouse's record of it is
        superseded.

        Raises
        ------
        NotReopenedError
            There is no verdict, or it is not known everywhere yet, a later result of the study
            exists, only somebody who verifies may take it back, or no reason is given.
        """
        ...

    def history(self, item_id: str) -> tuple[Reopening, ...]:
        """Return each time that a verdict was taken back, oldest first, with what it had been."""
        ...

    def contours(self, item_id: str) -> bytes:
        """Return the outlines on a CT's slices: gzipped JSON, by slice and by what they are of."""
        ...

    def say_first(self, first: FirstReading) -> None:
        """Keep what somebody who holds the item sees before being shown the result.

        Raises
        ------
        NotClaimedError, ClaimExpiredError, HeldByOtherError, AlreadyDecidedError, SupersededError
        """
        ...

    def first_reading(self, item_id: str, reader: str) -> FirstReading | None:
        """Return what a reader, by user name, saw first on an item."""
        ...

    def unread_items(
        self, reader: str, *, everything: bool, studies: Collection[str]
    ) -> Mapping[str, str]:
        """Return the open items that a reader has yet to judge unseen, and their studies.

        Of these studies, those that a route wants read first, or ``everything``.
        """
        ...

    def unread_studies(
        self, reader: str, *, everything: bool, study: str | None = None
    ) -> frozenset[str]:
        """Return the studies with an open result that a reader has yet to judge unseen.

        Those of results that a route wants read first, or of ``everything``; of one ``study``, or
        of all where it is None.
        """
        ...

    def judged_labels(self, most: int) -> Sequence[JudgedLabel]:
        """Return the labels of so many decided items, by model and by readers, newest first."""
        ...

    def readings(self, item_id: str) -> tuple[Verdict, ...]:
        """Return every verdict on an item, oldest first, whoever may see them."""
        ...
