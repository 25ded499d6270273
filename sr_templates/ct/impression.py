"""The impression of a CT: its result in one sentence, at the top of report, overlays and page."""

from collections.abc import Iterator

from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.results import CtAnalysis, Pattern, Side
from ai_engine.ct.shares import share_in_words
from sr_templates.ct import codes as ct_codes
from sr_templates.impression import MAY_BE_MISSING, NOT_VERIFIED, images
from sr_templates.notices import is_incomplete


def ct_impression(prediction: CtPrediction) -> str:
    """Say in one sentence what was measured, how it is graded, and what puts it in doubt."""
    analysis = prediction.analysis
    if analysis is None:
        reasons = dict.fromkeys(each.reason.value for each in prediction.refusals)
        refused = images(len(prediction.refused))
        if not reasons:
            return f"No result: {refused} not analysed."
        return f"No result: {refused} not analysed ({'; '.join(reasons)})."
    parts = [*_measured(analysis), *_reservations(prediction, analysis)]
    return f"{NOT_VERIFIED}: {'; '.join(parts)}."


def _measured(analysis: CtAnalysis) -> Iterator[str]:
    rows = {row.side: row for row in analysis.measurements}
    both = rows[Side.BOTH]
    if not analysis.findings:
        yield f"no inhomogeneity measured in {both.aerated_ml:.0f} ml of aerated lung"
    else:
        sides = [
            _of_side(side, row.percentage)
            for side, row in rows.items()
            if side is not Side.BOTH and row.percentage is not None
        ]
        kinds = dict.fromkeys(_kind(row.pattern) for row in analysis.patterns)
        share = share_in_words(both.percentage or 0.0)
        yield f"inhomogeneity of {share} of both lungs ({', '.join((*sides, *kinds))})"
    if both.severity is not None and not analysis.doubts:
        yield f"grade {both.severity.grade} of 5"


def _reservations(prediction: CtPrediction, analysis: CtAnalysis) -> Iterator[str]:
    if analysis.doubts:
        reasons = (ct_codes.CAUTIONS[each].meaning for each in analysis.doubts)
        yield f"cannot grade: {', '.join(_lowered(each) for each in reasons)}"
    if prediction.refusals:
        yield f"{images(len(prediction.refused))} not analysed"
    if is_incomplete(prediction.remarks):
        yield MAY_BE_MISSING


def _of_side(side: Side, percentage: float) -> str:
    share = share_in_words(percentage)
    return f"right {share}" if side is Side.RIGHT else f"left {share}"


def _kind(pattern: Pattern) -> str:
    return "type not decided" if pattern is Pattern.UNDECIDED else pattern.value


def _lowered(words: str) -> str:
    return words[:1].lower() + words[1:]
