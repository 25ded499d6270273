"""What an expert says of a CT's figures must fit together, and two experts' words one another."""

from dataclasses import replace

import pytest

from ai_engine.ct.results import Pattern, Severity
from dicom_node.domain.review.ct import (
    BOUNDS,
    PATTERNS,
    agree,
    check,
    confirmed,
    grade_of,
    lungs_said,
    uncertainty_of,
)
from dicom_node.domain.review.queue import UnusableVerdictError
from dicom_node.domain.review.review import (
    CtUnderReview,
    CtVerdict,
    Judgement,
    LungUnderReview,
    LungVerdict,
    PatternUnderReview,
    PatternVerdict,
    Verdict,
)
from tests.unit.domain.test_review_rules import ADA


def lung(side: str, percentage: float | None, volume: float = 2000) -> LungUnderReview:
    grade = None if percentage is None else grade_of(percentage)
    return LungUnderReview(
        side=side, volume_ml=volume, aerated_ml=volume, percentage=percentage, grade=grade
    )


CT = CtUnderReview(
    lungs=(lung("right lung", 30.0, 3000), lung("left lung", 1.0, 1000)),
    both=lung("both lungs", 22.7, 4000),
    patterns=(
        PatternUnderReview(
            pattern="consolidation",
            volume_ml=900,
            percentage=22.7,
            sides=("right lung",),
            slice_number=3,
        ),
    ),
    key_slices=(),
    slices=(),
)
YES = confirmed(CT)


def said(
    right: LungVerdict | None = None, *patterns: PatternVerdict, left: LungVerdict | None = None
) -> CtVerdict:
    return CtVerdict(
        lungs=(right or YES.lungs[0], left or YES.lungs[1]), patterns=patterns or YES.patterns
    )


def changed(percentage: float | None, **more: bool) -> LungVerdict:
    return LungVerdict(
        side="right lung", judgement=Judgement.CHANGED, percentage=percentage, **more
    )


def pattern(name: str, judgement: Judgement, changed_to: str = "") -> PatternVerdict:
    return PatternVerdict(pattern=name, judgement=judgement, changed_to=changed_to)


def test_words_and_bounds_are_the_model_s() -> None:
    assert tuple(each.value for each in Pattern) == PATTERNS
    assert len(BOUNDS) == len(Severity)
    assert [grade_of(each) for each in (0, 2, 2.1, 25, 50, 75, 100)] == [1, 1, 2, 2, 3, 4, 5]


def test_what_nobody_changes_stays_as_measured_and_both_lungs_follow_the_rest() -> None:
    assert [each.percentage for each in lungs_said(CT, YES)] == [30.0, 1.0, 22.7]
    assert lungs_said(CT, said(changed(60.0)))[-1].percentage == pytest.approx(45.25)
    assert [each.grade for each in lungs_said(CT, said(changed(60.0)))] == [4, 1, 3]
    ungraded = lungs_said(CT, said(changed(60.0, is_gradable=False)))
    assert [each.grade for each in ungraded] == [None, 1, None]
    unsure = LungVerdict(side="right lung", judgement=Judgement.UNSURE)
    assert [each.percentage for each in lungs_said(CT, said(unsure))] == [None, 1.0, None]


@pytest.mark.parametrize(
    ("verdict", "why"),
    [
        (None, "say once of each lung"),
        (CtVerdict(lungs=YES.lungs), "say once of each pattern"),
        (replace(YES, lungs=YES.lungs[:1]), "say once of each lung"),
        (said(changed(None)), "share of the right lung"),
        (said(changed(101)), "share of the right lung"),
        (said(changed(float("nan"))), "share of the right lung"),
        (said(None, pattern("consolidation", Judgement.CHANGED, "cancer")), "is no pattern"),
        (
            said(None, *YES.patterns, pattern("consolidation", Judgement.ADDED)),
            "said to be there twice",
        ),
        (
            said(
                None,
                pattern("consolidation", Judgement.REJECTED),
                pattern("consolidation", Judgement.ADDED),
            ),
            "said to be there, and not",
        ),
        (said(None, pattern("consolidation", Judgement.REJECTED)), "no pattern is said"),
        (
            said(changed(0.0), left=replace(changed(0.0), side="left lung")),
            "but consolidation is said to be there",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_words(verdict: CtVerdict | None, why: str) -> None:
    with pytest.raises(UnusableVerdictError, match=why):
        check(Verdict(item_id="1", reviewer=ADA, ct=verdict), CT)


def test_a_rejected_result_needs_no_figures() -> None:
    check(Verdict(item_id="1", reviewer=ADA, rejected=True), CT)


@pytest.mark.parametrize(
    ("other", "agreed"),
    [
        (YES, True),
        (said(changed(34.0)), True),
        (said(changed(36.0)), False),  # the same grade, and more than five points apart
        (said(changed(24.0)), False),  # another grade
        (said(None, pattern("consolidation", Judgement.CHANGED, "atelectasis")), False),
        (said(None, *YES.patterns, pattern("nodule", Judgement.ADDED)), False),
        (said(LungVerdict(side="right lung", judgement=Judgement.UNSURE)), False),
    ],
)
def test_when_two_readers_agree(other: CtVerdict, agreed: bool) -> None:
    assert agree(CT, YES, other) is agreed
    assert agree(CT, other, YES) is agreed


def test_uncertain_is_what_lies_near_a_bound_or_has_no_grade() -> None:
    assert uncertainty_of(replace(CT, doubts=("Contrast",))) == 1.0
    near = replace(CT, lungs=(lung("right lung", 24.9), lung("left lung", 0.2)))
    assert uncertainty_of(near) > uncertainty_of(CT) > 0


def test_who_agrees_with_everything_confirms_each_pattern_and_each_lung_with_a_share() -> None:
    unmeasured = replace(CT, lungs=(CT.lungs[0], replace(CT.lungs[1], percentage=None, grade=None)))
    verdict = confirmed(unmeasured)
    assert [each.side for each in verdict.lungs] == ["right lung"]
    assert [each.pattern for each in verdict.patterns] == ["consolidation"]
    judged = {each.judgement for each in (*verdict.lungs, *verdict.patterns)}
    assert judged == {Judgement.CONFIRMED}
