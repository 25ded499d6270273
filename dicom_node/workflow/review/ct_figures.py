"""A CT's figures as the Warehouse keeps them: the model's beside the expert's."""

from collections.abc import Iterator

from dicom_node.domain.review.ct import lungs_said, patterns_said
from dicom_node.domain.review.review import CtUnderReview, CtVerdict
from dicom_node.domain.warehouse import FigureTruth


def figures_of(ct: CtUnderReview, verdict: CtVerdict) -> Iterator[FigureTruth]:
    """Give share and grade of each lung and of both, and which patterns are there."""
    measured = {each.side: each for each in (*ct.lungs, ct.both)}
    for said in lungs_said(ct, verdict):
        was = measured[said.side]
        for name, by_model, by_expert in (
            ("share", was.percentage, said.percentage),
            ("grade", was.grade, said.grade),
        ):
            yield FigureTruth(
                of=said.side,
                name=name,
                by_model=by_model,
                by_expert=by_expert,
                judgement=said.judgement,
                comment=said.comment,
            )
    found = {each.pattern for each in ct.patterns}
    truths = patterns_said(ct, verdict)
    present = {each.pattern: each.present for each in truths}
    for each in truths:
        for pattern in dict.fromkeys(filter(None, (each.reported_as, each.pattern))):
            value = present.get(pattern, False)
            yield FigureTruth(
                of=pattern,
                name="present",
                by_model=float(pattern in found),
                by_expert=None if value is None else float(value),
                judgement=each.judgement,
                comment=each.comment,
            )
