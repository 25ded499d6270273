"""What may happen to a review item: pure, and the only place of it.

Each function returns the item as it is afterwards, or raises why that cannot be.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from dicom_node.domain.review.first_reading import FirstReading, ReadFirstError
from dicom_node.domain.review.queue import (
    AlreadyDecidedError,
    AlreadyReadError,
    ClaimExpiredError,
    HeldByOtherError,
    NotClaimedError,
    NotReopenedError,
    SupersededError,
    UnusableVerdictError,
)
from dicom_node.domain.review.review import (
    CtUnderReview,
    FindingUnderReview,
    Reviewer,
    ReviewItem,
    ReviewState,
    Verdict,
)
from dicom_node.domain.review.verdicts import (
    agree,
    agree_on_ct,
    as_judged,
    check_ct_verdict,
    check_verdict,
)


def claimed(
    item: ReviewItem,
    reviewer: Reviewer,
    *,
    readers: Iterable[str],
    now: datetime,
    lease: timedelta,
) -> ReviewItem:
    """Hold ``item`` for ``lease``; ``readers`` are the user names of who has read it before."""
    _check_open(item)
    if item.is_held(now) and item.holder != reviewer.user_name:
        raise _held(item)
    if reviewer.user_name in readers:
        wanted = "An adjudicator" if item.disputed else "The second reader"
        raise AlreadyReadError(
            f"Item {item.item_id}: you have read it already. {wanted} must be somebody else."
        )
    return replace(
        item,
        state=ReviewState.CLAIMED,
        holder=reviewer.user_name,
        claimed_until=now + lease,
        version=item.version + 1,
    )


def extended(
    item: ReviewItem, reviewer: Reviewer, *, now: datetime, lease: timedelta
) -> ReviewItem:
    """Hold a claimed item for another ``lease``."""
    check_holder(item, reviewer, now)
    return replace(item, claimed_until=now + lease, version=item.version + 1)


def released(item: ReviewItem, reviewer: Reviewer) -> ReviewItem:
    """Give a claim back; an item that this reviewer does not hold stays as it is."""
    if item.state is not ReviewState.CLAIMED or item.holder != reviewer.user_name:
        return item
    return _unclaimed(item)


def decided(
    item: ReviewItem,
    verdict: Verdict,
    *,
    findings: Sequence[FindingUnderReview],
    earlier: Sequence[Verdict],
    now: datetime,
    ct: CtUnderReview | None = None,
) -> ReviewItem:
    """Take a reading; ``earlier`` are the readings before it, oldest first."""
    check_holder(item, verdict.reviewer, now)
    check_verdict(verdict, findings)
    check_ct_verdict(verdict, ct)
    read = replace(_unclaimed(item), readings=item.readings + 1)
    if item.disputed:
        return _closed(read, (verdict.reviewer.user_name,), now)
    if read.readings < item.readers:
        return read
    if any(
        not agree(findings, verdict, as_judged(one, findings)) or not agree_on_ct(ct, verdict, one)
        for one in earlier
    ):
        return replace(read, state=ReviewState.ADJUDICATING, disputed=True)
    names = (*(one.reviewer.user_name for one in earlier), verdict.reviewer.user_name)
    return _closed(read, names, now)


def decided_externally(
    item: ReviewItem, reviewer: Reviewer, *, readers: Iterable[str], now: datetime
) -> ReviewItem:
    """Close an item on the word of another workstation; a claim in force is overruled.

    ``readers`` are the names of who has read it before. In place of a second reader or an
    adjudicator stands only who verifies.
    """
    _check_open(item)
    if (item.readers > 1 or item.disputed) and not reviewer.may_verify:
        why = "its readers differ" if item.disputed else f"it wants {item.readers} readers"
        raise UnusableVerdictError(
            f"Item {item.item_id} stays open: {why}, and the report is not VERIFIED."
        )
    if reviewer.user_name in readers:
        raise AlreadyReadError(
            f"Item {item.item_id} stays open: a reader of the name {reviewer.user_name} has read "
            "it already."
        )
    return _closed(_unclaimed(item), (reviewer.user_name,), now)


def check_reported(*, has_images: bool, has_results: bool) -> None:
    """See to it that a new verdict can become a report: it is made of images and results.

    Raises
    ------
    NotReopenedError
        When they are not here any more.
    """
    if not has_images:
        raise NotReopenedError(
            "the images were removed here: have the study sent again, and re-open this then."
        )
    if not has_results:
        raise NotReopenedError(
            "the overlays were removed here by retention: no new verdict could be reported."
        )


def reopened(
    item: ReviewItem,
    reviewer: Reviewer,
    reason: str,
    *,
    readings: Iterable[Verdict],
    now: datetime,
    lease: timedelta,
    is_known: bool,
) -> ReviewItem:
    """Take a verdict back: the item is read anew, and held by who took it back.

    Parameters
    ----------
    readings
        What has been said of the item.
    is_known
        Whether the verdict has become objects and a Warehouse record: before that, both could
        still be made of it afterwards.

    Raises
    ------
    NotReopenedError
    """
    if item.state is not ReviewState.DECIDED:
        raise NotReopenedError(f"Item {item.item_id} is not decided: there is no verdict yet.")
    if not reason.strip():
        raise NotReopenedError("say why the verdict is taken back: the reason is kept with it.")
    if not is_known:
        raise NotReopenedError(
            "this verdict is just being made known to archives: try again in a moment."
        )
    if not reviewer.may_verify and any(each.reviewer.may_verify for each in readings):
        raise NotReopenedError(
            "this verdict was verified: only somebody who verifies may take it back."
        )
    return replace(
        item,
        state=ReviewState.CLAIMED,
        holder=reviewer.user_name,
        claimed_until=now + lease,
        readings=0,
        disputed=False,
        decided_at=None,
        decided_by=(),
        version=item.version + 1,
        reopened=item.reopened + 1,
    )


def superseded(item: ReviewItem, by: str) -> ReviewItem:
    """Let a later result take an open item's place."""
    _check_open(item)
    return replace(_unclaimed(item), state=ReviewState.SUPERSEDED, superseded_by=by)


def check_read_first(item: ReviewItem, first: FirstReading | None) -> None:
    """Raise that a reader must say what is to be seen before a verdict, where a rule wants it.

    Of an item that was decided once, everybody may know the result.
    """
    if item.reads_first and first is None and item.is_open and not item.reopened:
        raise ReadFirstError(
            f"Item {item.item_id} is read first: say on its page what you see, then decide."
        )


def check_holder(item: ReviewItem, reviewer: Reviewer, now: datetime) -> None:
    """Raise why ``reviewer`` may not act on ``item`` as its holder."""
    check_holder_name(item, reviewer.user_name, now)


def check_holder_name(item: ReviewItem, name: str, now: datetime) -> None:
    """Raise why who has this user name may not act on ``item`` as its holder."""
    _check_open(item)
    if item.state is not ReviewState.CLAIMED:
        raise NotClaimedError(f"Item {item.item_id} is not claimed: claim it first.")
    if item.holder != name:
        if item.is_held(now):
            raise _held(item)
        raise NotClaimedError(f"Item {item.item_id} is not claimed by you: claim it first.")
    if not item.is_held(now):
        raise ClaimExpiredError(
            f"Item {item.item_id}: your claim has expired. Claim it again; if nobody else has "
            "taken it, your verdict can still be recorded."
        )


def _check_open(item: ReviewItem) -> None:
    if item.state is ReviewState.DECIDED:
        by = ", ".join(item.decided_by)
        raise AlreadyDecidedError(f"Item {item.item_id} is decided already, by {by}.")
    if item.state is ReviewState.SUPERSEDED:
        raise SupersededError(
            f"Item {item.item_id} is superseded: the study has a newer result, item "
            f"{item.superseded_by}."
        )


def _unclaimed(item: ReviewItem) -> ReviewItem:
    return replace(
        item, state=item.unclaimed_state, holder="", claimed_until=None, version=item.version + 1
    )


def _closed(item: ReviewItem, by: tuple[str, ...], now: datetime) -> ReviewItem:
    return replace(item, state=ReviewState.DECIDED, decided_by=by, decided_at=now)


def _held(item: ReviewItem) -> HeldByOtherError:
    until = f" until {item.claimed_until:%H:%M} UTC" if item.claimed_until else ""
    return HeldByOtherError(f"Item {item.item_id} is held by {item.holder}{until}.")
