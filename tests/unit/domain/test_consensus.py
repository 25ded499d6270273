"""Whose words count where two readers agree, and that nothing of the other's is lost."""

from dataclasses import replace

from dicom_node.domain.review.consensus import consensus
from dicom_node.domain.review.review import (
    CtVerdict,
    Judgement,
    Laterality,
    LungVerdict,
    PatternVerdict,
    Reviewer,
    ReviewerRole,
    Verdict,
)
from tests.unit.domain.test_review_rules import ADA, BEN, FINDINGS, say, verdict

TRAINEE = replace(BEN, role=ReviewerRole.ATTESTOR)


def saying(by: Reviewer, comment: str = "", **more: object) -> Verdict:
    return replace(verdict(by, say(Judgement.CONFIRMED, **more)), comment=comment)


def test_the_reading_of_who_may_verify_counts_whoever_read_last() -> None:
    first, last = saying(ADA, laterality=Laterality.LEFT), saying(TRAINEE)
    assert consensus([first, last], FINDINGS) == first
    assert consensus([last, first], FINDINGS) == first


def test_of_equals_the_last_reading_counts() -> None:
    assert consensus([saying(ADA), saying(BEN)], FINDINGS).reviewer == BEN
    trainees = [saying(replace(ADA, role=ReviewerRole.ATTESTOR)), saying(TRAINEE)]
    assert consensus(trainees, FINDINGS) == trainees[-1]


def test_both_comments_stand_behind_their_writers_names() -> None:
    said = consensus([saying(ADA, "Recommend CT."), saying(BEN, "Rotated.")], FINDINGS)
    assert said.comment == "Ada, Doctor: Recommend CT.\nBen, Doctor: Rotated."


def test_only_the_counting_readers_comment_needs_no_name() -> None:
    assert consensus([saying(TRAINEE), saying(ADA, "Rotated.")], FINDINGS).comment == "Rotated."
    said = consensus([saying(TRAINEE, "Rotated."), saying(ADA)], FINDINGS)
    assert said.comment == "Ben, Doctor: Rotated."


def test_what_another_reader_says_of_a_finding_is_told_in_that_readers_name() -> None:
    faint = say(Judgement.CONFIRMED, laterality=Laterality.RIGHT, comment="faint")
    noted = verdict(TRAINEE, faint)
    said = consensus([saying(ADA), noted], FINDINGS)
    assert said.findings == (say(Judgement.CONFIRMED),)
    assert said.comment == "Ben, Doctor on Opacity: right, faint"
    sided = saying(ADA, laterality=Laterality.RIGHT)
    assert consensus([sided, noted], FINDINGS).comment == "Ben, Doctor on Opacity: faint"


def test_one_reading_stays_as_it_is() -> None:
    alone = saying(ADA, "Rotated.")
    assert consensus([alone], FINDINGS) == alone


def test_what_another_reader_says_of_a_ct_is_told_in_that_readers_name() -> None:
    def reading(by: Reviewer, share: float, **comments: str) -> Verdict:
        lung = LungVerdict(
            side="right lung",
            judgement=Judgement.CHANGED,
            percentage=share,
            comment=comments.get("lung", ""),
        )
        pattern = PatternVerdict(
            pattern="nodule",
            judgement=Judgement.CONFIRMED,
            comment=comments.get("pattern", ""),
        )
        return Verdict(item_id="1", reviewer=by, ct=CtVerdict(lungs=(lung,), patterns=(pattern,)))

    other = reading(TRAINEE, 30.0, lung="motion", pattern="calcified")
    said = consensus([other, reading(ADA, 33.0)], ())
    assert said.reviewer == ADA
    assert said.comment == (
        "Ben, Doctor on right lung: 30.0 %, motion\nBen, Doctor on nodule: calcified"
    )
    alike = reading(TRAINEE, 33.0)
    assert consensus([alike, reading(ADA, 33.0)], ()).comment == ""
