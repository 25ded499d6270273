"""What a verdict says of a CT, in the words that the report template takes."""

from ai_engine.ct.results import Pattern, Severity, Side
from ai_engine.ct.shares import share_in_words
from dicom_node.domain.review.ct import LungFigures, PatternTruth, lungs_said, patterns_said
from dicom_node.domain.review.review import (
    CtUnderReview,
    CtVerdict,
    Judgement,
    LungUnderReview,
)
from dicom_node.workflow.review.statements import changed_from, comment_of, words_of
from sr_templates.expert_reading import CtStatements, LungStatement, PatternStatement

_SEVERITIES = {each.grade: each for each in Severity}


def ct_statements_of(ct: CtUnderReview, verdict: CtVerdict) -> CtStatements:
    """Return a statement for each lung, for both, and for each pattern that anybody names."""
    measured = {each.side: each for each in (*ct.lungs, ct.both)}
    return CtStatements(
        lungs=tuple(_lung(each, measured[each.side]) for each in lungs_said(ct, verdict)),
        patterns=tuple(_pattern(each) for each in patterns_said(ct, verdict)),
    )


def _lung(said: LungFigures, was: LungUnderReview) -> LungStatement:
    is_changed = said.percentage != was.percentage
    words = words_of(said.judgement)
    if said.side == Side.BOTH.value and is_changed:
        words = "Follows from what the reader says of the lungs"
    elif is_changed and was.percentage is not None:
        words = f"{words} (the algorithm had {share_in_words(was.percentage)})"
    return LungStatement(
        side=Side(said.side),
        percentage=said.percentage,
        severity=_SEVERITIES.get(said.grade or 0),
        is_changed=is_changed,
        words=words + comment_of(said.comment),
    )


def _pattern(said: PatternTruth) -> PatternStatement:
    words = words_of(said.judgement)
    if said.judgement is Judgement.CHANGED:
        words = changed_from(said.reported_as)
    return PatternStatement(
        pattern=Pattern(said.pattern),
        present=said.present,
        reported_as=Pattern(said.reported_as) if said.reported_as else None,
        words=words + comment_of(said.comment),
    )
