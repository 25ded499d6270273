"""What may happen to a review item, and what a verdict means: pure, and the only place of it.

Each function returns the item as it is afterwards, or raises why that cannot be.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ai_engine.prediction import Triage, abnormality
from dicom_node.domain.review import ct as ct_rules
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
    OTHER_LABEL,
    CtUnderReview,
    FindingUnderReview,
    FindingVerdict,
    Judgement,
    Laterality,
    Priority,
    Reviewer,
    ReviewItem,
    ReviewState,
    Verdict,
)

Place = tuple[str, int | None, str]

# What may be said of a label to which another finding is changed: it is there too.
_LEAVE_ROOM = frozenset({Judgement.ADDED, Judgement.CHANGED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """Whether a label holds for an image, by an expert; ``value`` None: it cannot be told.

    ``explicit`` is false where the expert passed over a finding that the model denied.
    """

    image_uid: str
    frame_number: int | None
    label: str
    value: bool | None
    explicit: bool


def priority_of(
    findings: Iterable[FindingUnderReview],
    *,
    urgent: bool,
    triage: Triage | None = None,
    is_positive: bool = False,
) -> Priority:
    """Return how soon a result should be reviewed; ``is_positive`` where it has no findings."""
    if urgent:
        return Priority.HIGH
    if is_positive:
        return Priority.MEDIUM
    if triage is not None and triage.is_abnormal:
        return Priority.MEDIUM
    return Priority.MEDIUM if any(each.is_positive for each in findings) else Priority.LOW


def abnormality_of(
    findings: Iterable[FindingUnderReview], triage: Triage | None = None
) -> float | None:
    """Return how probably the images are not normal: by triage, else by the model's own label.

    None where neither says so: a model without a label for normal or abnormal.
    """
    if triage is not None:
        return triage.probability
    said = (abnormality(each.label, each.probability) for each in findings)
    return max((each for each in said if each is not None), default=None)


def uncertainty_of(findings: Iterable[FindingUnderReview]) -> float:
    """Return how near the nearest probability lies to its threshold: 1 on it, 0 at the far end.

    The distance is taken as a share of the room on its side of the threshold, so that a low
    threshold does not make everything below it look uncertain.
    """
    return max((_nearness(each.probability, each.threshold) for each in findings), default=0.0)


def leading_label_of(findings: Iterable[FindingUnderReview]) -> str:
    """Return the most probable positive label, or an empty text."""
    positive = [each for each in findings if each.is_positive]
    return max(positive, key=lambda each: each.probability).label if positive else ""


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
    _check_ct(verdict, ct)
    read = replace(_unclaimed(item), readings=item.readings + 1)
    if item.disputed:
        return _closed(read, (verdict.reviewer.user_name,), now)
    if read.readings < item.readers:
        return read
    if any(
        not agree(findings, verdict, as_judged(one, findings)) or not _agree_on_ct(ct, verdict, one)
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


def as_judged(verdict: Verdict, findings: Sequence[FindingUnderReview]) -> Verdict:
    """Let a verdict speak of an image as a whole where the model did.

    Viewers number the frames of every image from 1. Left so, what an expert adds to "frame 1" of
    an image that has no other would stand beside the model's denial for the image, and both would
    be learned from.
    """
    whole = {each.image_uid for each in findings if each.frame_number is None}
    whole -= {each.image_uid for each in findings if each.frame_number is not None}
    return replace(
        verdict,
        findings=tuple(
            replace(each, frame_number=None) if each.image_uid in whole else each
            for each in verdict.findings
        ),
    )


def check_verdict(verdict: Verdict, findings: Sequence[FindingUnderReview]) -> None:
    """Raise what keeps a verdict from being used.

    Raises
    ------
    UnusableVerdictError
        A positive finding has no verdict, one has two, a verdict names what is not there, or it
        says both that a label is there and that it is not.
    """
    known = {place_of(each): each for each in findings}
    images = {each.image_uid for each in findings}
    labels = {each.label for each in findings} | {OTHER_LABEL}
    named: set[Place] = set()
    for each in verdict.findings:
        if (place := place_of(each)) in named and each.label != OTHER_LABEL:
            raise _unusable(verdict, f"{each.label} is judged twice on one image")
        named.add(place)
        _check_finding(verdict, each, known.get(place), images=images, labels=labels)
    _check_contradictions(verdict, known)
    missing = sorted(
        {each.title for place, each in known.items() if each.is_positive and place not in named}
    )
    if missing and not verdict.rejected:
        raise _unusable(verdict, f"say of each finding whether it is so: {', '.join(missing)}")


def truths_of(findings: Sequence[FindingUnderReview], verdict: Verdict) -> tuple[Truth, ...]:
    """Return what a verdict says of every label; nothing where the result is rejected whole.

    A rejected result is one that must not be used (a bad image, the wrong patient), which says
    nothing about what is to be seen.
    """
    if verdict.rejected:
        return ()
    said = {place_of(each): each for each in verdict.findings if each.label != OTHER_LABEL}
    truths: dict[Place, Truth] = {}
    for finding in findings:
        place = place_of(finding)
        one = said.get(place)
        truths[place] = _truth(place, _value(finding, one), explicit=one is not None)
    for each in said.values():
        if each.judgement is Judgement.ADDED:
            truths[place_of(each)] = _truth(place_of(each), True, explicit=True)
        if each.changed_to and each.changed_to not in (each.label, OTHER_LABEL):
            place = (each.image_uid, each.frame_number, each.changed_to)
            truths[place] = _truth(place, True, explicit=True)
    return tuple(truths.values())


def agree(findings: Sequence[FindingUnderReview], one: Verdict, other: Verdict) -> bool:
    """Whether one reading may be reported in both readers' names.

    They say the same of every label, name the same other findings, and contradict each other on no
    side. One may leave a side open; boxes and comments may differ.
    """
    if one.rejected or other.rejected:
        return one.rejected == other.rejected
    if _meaning(findings, one) != _meaning(findings, other):
        return False
    sides, others = sides_of(one), sides_of(other)
    return all(sides[subject] == others[subject] for subject in sides.keys() & others.keys())


def subject_of(said: FindingVerdict) -> Place:
    """Return what a reader speaks of: image, frame and final label, or their own words for it."""
    label = said.changed_to or said.label
    if label == OTHER_LABEL:
        label = f"{OTHER_LABEL}: {_folded(said.comment)}"
    return said.image_uid, said.frame_number, label


def sides_of(verdict: Verdict) -> dict[Place, frozenset[Laterality]]:
    """Return the sides that a reading gives, for each subject that it gives one."""
    sides: dict[Place, frozenset[Laterality]] = {}
    for each in verdict.findings:
        if each.laterality is not None:
            subject = subject_of(each)
            sides[subject] = sides.get(subject, frozenset()) | {each.laterality}
    return sides


def place_of(finding: FindingUnderReview | FindingVerdict) -> Place:
    """Return what a verdict refers to: image, frame and label."""
    return finding.image_uid, finding.frame_number, finding.label


def _meaning(
    findings: Sequence[FindingUnderReview], verdict: Verdict
) -> tuple[dict[Place, bool | None], frozenset[Place]]:
    values = {
        (each.image_uid, each.frame_number, each.label): each.value
        for each in truths_of(findings, verdict)
    }
    others = frozenset(
        subject_of(each)
        for each in verdict.findings
        if OTHER_LABEL in (each.label, each.changed_to)
    )
    return values, others


def _folded(words: str) -> str:
    """Leave out what is no difference between two namings of a thing."""
    return " ".join(unicodedata.normalize("NFKC", words).casefold().split()).rstrip(" .")


def _value(finding: FindingUnderReview, said: FindingVerdict | None) -> bool | None:
    if said is None:
        return finding.is_positive
    if said.judgement is Judgement.UNSURE:
        return None
    if said.judgement is Judgement.CONFIRMED:
        return finding.is_positive
    if said.judgement is Judgement.CHANGED:
        return said.changed_to in ("", said.label)
    return said.judgement is Judgement.ADDED


def _truth(place: Place, value: bool | None, *, explicit: bool) -> Truth:
    image_uid, frame_number, label = place
    return Truth(
        image_uid=image_uid,
        frame_number=frame_number,
        label=label,
        value=value,
        explicit=explicit,
    )


def _check_finding(
    verdict: Verdict,
    each: FindingVerdict,
    finding: FindingUnderReview | None,
    *,
    images: set[str],
    labels: set[str],
) -> None:
    if each.image_uid not in images:
        raise _unusable(verdict, f"image {each.image_uid} is not one of the item's")
    for label in (each.label, each.changed_to):
        if label and label not in labels:
            raise _unusable(verdict, f"{label!r} is not a label of its model; use 'other'")
    if OTHER_LABEL in (each.label, each.changed_to) and not each.comment.strip():
        raise _unusable(verdict, "say in the comment what the other finding is")
    if each.box is not None and not (
        each.box.left < each.box.right and each.box.top < each.box.bottom
    ):
        raise _unusable(verdict, f"the box of {each.label} has no area")
    _check_judgement(verdict, each, finding)


def _check_judgement(
    verdict: Verdict, each: FindingVerdict, finding: FindingUnderReview | None
) -> None:
    is_positive = finding is not None and finding.is_positive
    if each.judgement is Judgement.ADDED and is_positive:
        raise _unusable(verdict, f"{each.label} is there already: confirm or change it")
    if each.judgement in (Judgement.REJECTED, Judgement.CHANGED) and not is_positive:
        raise _unusable(verdict, f"{each.label} is not a finding of the model: add it instead")
    if each.judgement is not Judgement.ADDED and finding is None:
        raise _unusable(verdict, f"the model says nothing about {each.label} on that image")


def _check_contradictions(verdict: Verdict, known: Mapping[Place, FindingUnderReview]) -> None:
    """Refuse a verdict by which a label is there and, said or passed over, is not there."""
    said = {place_of(each): each for each in verdict.findings}
    whole = {(image_uid, label) for image_uid, frame, label in known if frame is None}
    frames = {(image_uid, label) for image_uid, frame, label in known if frame is not None}
    for each in verdict.findings:
        if each.judgement is Judgement.ADDED and place_of(each) not in known:
            judged = whole if each.frame_number is not None else frames
            if (each.image_uid, each.label) in judged:
                raise _unusable(
                    verdict,
                    f"{each.label} is added to {_where(each)}, but the model judged "
                    f"{'the whole image' if judged is whole else 'each frame'}: say it of that",
                )
        target = (each.image_uid, each.frame_number, each.changed_to)
        denied = said.get(target)
        if each.changed_to == each.label or denied is None or denied.judgement in _LEAVE_ROOM:
            continue
        if not _value(known[target], denied):
            raise _unusable(
                verdict,
                f"{each.label} is changed to {each.changed_to}, which is said not to be there or "
                "not to be told: take one of the two back",
            )


def _check_ct(verdict: Verdict, ct: CtUnderReview | None) -> None:
    if ct is not None:
        ct_rules.check(verdict, ct)
    elif verdict.ct is not None:
        raise _unusable(verdict, "it is no result of a CT")


def _agree_on_ct(ct: CtUnderReview | None, one: Verdict, other: Verdict) -> bool:
    if ct is None or one.ct is None or other.ct is None:
        return True
    return ct_rules.agree(ct, one.ct, other.ct)


def _where(said: FindingVerdict) -> str:
    return "the whole image" if said.frame_number is None else f"frame {said.frame_number}"


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


def _nearness(probability: float, threshold: float) -> float:
    room = threshold if probability < threshold else 1.0 - threshold
    return 1.0 if room <= 0 else max(0.0, 1.0 - abs(probability - threshold) / room)


def _held(item: ReviewItem) -> HeldByOtherError:
    until = f" until {item.claimed_until:%H:%M} UTC" if item.claimed_until else ""
    return HeldByOtherError(f"Item {item.item_id} is held by {item.holder}{until}.")


def _unusable(verdict: Verdict, why: str) -> UnusableVerdictError:
    return UnusableVerdictError(f"Item {verdict.item_id}: {why}.")
