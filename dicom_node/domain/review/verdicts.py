"""What a verdict says of findings: whether it can be used, what holds by it, whether two agree."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dicom_node.domain.review import ct as ct_rules
from dicom_node.domain.review.queue import UnusableVerdictError
from dicom_node.domain.review.review import (
    OTHER_LABEL,
    CtUnderReview,
    FindingUnderReview,
    FindingVerdict,
    Judgement,
    Laterality,
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


def check_ct_verdict(verdict: Verdict, ct: CtUnderReview | None) -> None:
    """Raise what keeps a verdict's figures of a CT from being used; ``ct`` None: it is no CT.

    Raises
    ------
    UnusableVerdictError
    """
    if ct is not None:
        ct_rules.check(verdict, ct)
    elif verdict.ct is not None:
        raise _unusable(verdict, "it is no result of a CT")


def agree_on_ct(ct: CtUnderReview | None, one: Verdict, other: Verdict) -> bool:
    """Whether one reading of a CT may be reported in both readers' names; true of no CT."""
    if ct is None or one.ct is None or other.ct is None:
        return True
    return ct_rules.agree(ct, one.ct, other.ct)


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


def _where(said: FindingVerdict) -> str:
    return "the whole image" if said.frame_number is None else f"frame {said.frame_number}"


def _unusable(verdict: Verdict, why: str) -> UnusableVerdictError:
    return UnusableVerdictError(f"Item {verdict.item_id}: {why}.")
