"""A CT's figures under review: each lung's share and grade, the patterns found, and their places.

The words for lungs and patterns are those of the model's result (paper 5, sections 3 and 6). What a
reader says is judged lung by lung and pattern by pattern; both lungs together follow from it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dicom_node.domain.review.queue import UnusableVerdictError
from dicom_node.domain.review.review import (
    CtUnderReview,
    CtVerdict,
    Judgement,
    LungUnderReview,
    LungVerdict,
    PatternVerdict,
    Verdict,
)

PATTERNS = ("ground-glass", "consolidation", "nodule", "atelectasis", "undecided")
# Upper bounds of the grades in per cent, from the first one on (paper 5, section 6).
BOUNDS = (2.0, 25.0, 50.0, 75.0, 100.0)
# Two readers of one CT agree where their shares lie within so many points, and grades are the same.
TOLERANCE = 5.0
_CHANGES = frozenset({Judgement.CHANGED, Judgement.UNSURE})


@dataclass(frozen=True, slots=True, kw_only=True)
class LungFigures:
    """What a reader says of a lung, or of both; None where it cannot be told, or has no grade."""

    side: str
    percentage: float | None
    grade: int | None
    judgement: Judgement
    comment: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternTruth:
    """Whether a pattern is there; ``reported_as`` is what the model called it, if it did."""

    pattern: str
    present: bool | None
    judgement: Judgement
    reported_as: str = ""
    comment: str = ""


def grade_of(percentage: float) -> int:
    """Return the grade of a share in per cent: 1 to 5."""
    return next(number for number, most in enumerate(BOUNDS, start=1) if percentage <= most)


def confirmed(ct: CtUnderReview) -> CtVerdict:
    """Return the verdict of a reader who agrees with everything."""
    return CtVerdict(
        lungs=tuple(
            LungVerdict(side=each.side, judgement=Judgement.CONFIRMED)
            for each in ct.lungs
            if each.percentage is not None
        ),
        patterns=tuple(
            PatternVerdict(pattern=each.pattern, judgement=Judgement.CONFIRMED)
            for each in ct.patterns
        ),
    )


def uncertainty_of(ct: CtUnderReview) -> float:
    """Return how near a lung's share lies to a grade's bound; 1 where no grade could be given."""
    if ct.doubts:
        return 1.0
    shares = [each.percentage for each in ct.lungs if each.percentage is not None]
    return max((_nearness(each) for each in shares), default=0.0)


def lungs_said(ct: CtUnderReview, verdict: CtVerdict) -> tuple[LungFigures, ...]:
    """Return each lung's figures by the reader's word, and those of both that follow from them."""
    said = {each.side: each for each in verdict.lungs}
    lungs = [each for each in ct.lungs if each.percentage is not None]
    single = [_figures(each, said[each.side]) for each in lungs]
    return (*single, _both(ct.both, lungs, single))


def patterns_said(ct: CtUnderReview, verdict: CtVerdict) -> tuple[PatternTruth, ...]:
    """Return of each pattern that the model or the reader names whether it is there."""
    truths: list[PatternTruth] = []
    for each in verdict.patterns:
        moved = each.judgement is Judgement.CHANGED
        truths.append(
            PatternTruth(
                pattern=each.changed_to if moved else each.pattern,
                present=_PRESENT[each.judgement],
                judgement=each.judgement,
                reported_as="" if each.judgement is Judgement.ADDED else each.pattern,
                comment=each.comment,
            )
        )
    return tuple(truths)


def check(verdict: Verdict, ct: CtUnderReview) -> None:
    """Raise what keeps a reader's word on a CT from being used.

    Raises
    ------
    UnusableVerdictError
        A lung or pattern has no verdict or two, a figure is missing or none, or shares and patterns
        contradict each other.
    """
    if verdict.rejected:
        return
    said = verdict.ct or CtVerdict()
    _check_lungs(verdict, ct, said)
    _check_patterns(verdict, ct, said)
    figures = lungs_said(ct, said)
    shares = [each.percentage for each in figures[:-1]]
    there = [each.pattern for each in patterns_said(ct, said) if each.present]
    unsure = [each for each in patterns_said(ct, said) if each.present is None]
    if there and shares and all(each == 0 for each in shares):
        raise _unusable(verdict, f"no lung has a share, but {there[0]} is said to be there")
    if not there and not unsure and any(shares):
        raise _unusable(
            verdict, "a lung has a share, but no pattern is said to be there: name it, or set it 0"
        )


def agree(ct: CtUnderReview, one: CtVerdict, other: CtVerdict) -> bool:
    """Whether one reading of a CT may be reported in both readers' names.

    They name the same patterns, give each lung the same grade, and shares within ``TOLERANCE``;
    both lungs together follow from that.
    """
    if _presence(ct, one) != _presence(ct, other):
        return False
    pairs = zip(lungs_said(ct, one)[:-1], lungs_said(ct, other)[:-1], strict=True)
    return all(_alike(first, second) for first, second in pairs)


_PRESENT: Mapping[Judgement, bool | None] = {
    Judgement.CONFIRMED: True,
    Judgement.CHANGED: True,
    Judgement.ADDED: True,
    Judgement.REJECTED: False,
    Judgement.UNSURE: None,
}


def _figures(lung: LungUnderReview, said: LungVerdict) -> LungFigures:
    percentage, grade = lung.percentage, lung.grade
    if said.judgement is Judgement.UNSURE:
        percentage = grade = None
    elif said.judgement is Judgement.CHANGED and said.percentage is not None:
        percentage = said.percentage
        grade = grade_of(percentage) if said.is_gradable else None
    return LungFigures(
        side=lung.side,
        percentage=percentage,
        grade=grade,
        judgement=said.judgement,
        comment=said.comment,
    )


def _both(
    both: LungUnderReview, lungs: Sequence[LungUnderReview], single: Sequence[LungFigures]
) -> LungFigures:
    """Weigh the lungs by their volumes; what nobody has changed stays as it was measured."""
    changed = [each for each in single if each.judgement in _CHANGES]
    if not changed:
        return LungFigures(
            side=both.side,
            percentage=both.percentage,
            grade=both.grade,
            judgement=Judgement.CONFIRMED,
        )
    percentage = None
    if all(each.percentage is not None for each in single):
        parts = [
            (each.percentage or 0.0) * lung.volume_ml
            for each, lung in zip(single, lungs, strict=True)
        ]
        percentage = sum(parts) / sum(each.volume_ml for each in lungs)
    gradable = percentage is not None and all(each.grade is not None for each in single)
    return LungFigures(
        side=both.side,
        percentage=percentage,
        grade=grade_of(percentage) if gradable and percentage is not None else None,
        judgement=Judgement.UNSURE if percentage is None else Judgement.CHANGED,
    )


def _check_lungs(verdict: Verdict, ct: CtUnderReview, said: CtVerdict) -> None:
    wanted = [each.side for each in ct.lungs if each.percentage is not None]
    if sorted(each.side for each in said.lungs) != sorted(wanted):
        raise _unusable(verdict, f"say once of each lung whether it is so: {', '.join(wanted)}")
    for each in said.lungs:
        if each.judgement not in (Judgement.CONFIRMED, *_CHANGES):
            raise _unusable(verdict, f"a lung is confirmed, corrected or not told: {each.side}")
        if each.judgement is Judgement.CHANGED and not (
            each.percentage is not None and 0 <= each.percentage <= BOUNDS[-1]
        ):
            raise _unusable(verdict, f"give the share of the {each.side} in per cent, 0 to 100")


def _check_patterns(verdict: Verdict, ct: CtUnderReview, said: CtVerdict) -> None:
    found = [each.pattern for each in ct.patterns]
    judged = [each.pattern for each in said.patterns if each.judgement is not Judgement.ADDED]
    if sorted(judged) != sorted(found):
        raise _unusable(verdict, f"say once of each pattern whether it is so: {', '.join(found)}")
    there: list[str] = []
    for each in said.patterns:
        named = each.changed_to if each.judgement is Judgement.CHANGED else each.pattern
        if named not in PATTERNS:
            raise _unusable(verdict, f"{named!r} is no pattern: {', '.join(PATTERNS)}")
        if _PRESENT[each.judgement]:
            there.append(named)
    twice = sorted(each for each in set(there) if there.count(each) > 1)
    if twice:
        raise _unusable(verdict, f"{twice[0]} is said to be there twice")
    if gone := sorted(_denied(said) & set(there)):
        raise _unusable(verdict, f"{gone[0]} is said to be there, and not to be there")


def _denied(said: CtVerdict) -> set[str]:
    return {each.pattern for each in said.patterns if _PRESENT[each.judgement] is not True}


def _presence(ct: CtUnderReview, verdict: CtVerdict) -> dict[str, bool | None]:
    truths: Iterable[PatternTruth] = patterns_said(ct, verdict)
    said = {each.reported_as: False for each in truths if each.reported_as}
    return {**said, **{each.pattern: each.present for each in truths}}


def _alike(one: LungFigures, other: LungFigures) -> bool:
    if one.grade != other.grade or (one.percentage is None) != (other.percentage is None):
        return False
    return abs((one.percentage or 0.0) - (other.percentage or 0.0)) <= TOLERANCE


def _nearness(percentage: float) -> float:
    """1 on a bound between two grades, 0 in the middle between two bounds."""
    edges = (0.0, *BOUNDS)
    at = next(n for n, most in enumerate(BOUNDS) if percentage <= most)
    half = (edges[at + 1] - edges[at]) / 2
    inner = [edge for edge in edges[at : at + 2] if 0 < edge < BOUNDS[-1]]
    return max((1 - abs(percentage - edge) / half for edge in inner), default=0.0)


def _unusable(verdict: Verdict, why: str) -> UnusableVerdictError:
    return UnusableVerdictError(f"Item {verdict.item_id}: {why}.")
