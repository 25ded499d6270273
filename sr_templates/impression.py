"""The impression: a result in one sentence, the same at the top of report, overlay and page."""

from collections.abc import Iterator

from pydicom import Dataset

from ai_engine.prediction import Prediction
from sr_templates import codes
from sr_templates.notices import IMAGE_NOTICES
from sr_templates.percent import percent

NOT_VERIFIED = "AI result, not verified"
MAY_BE_MISSING = "images may be missing"
NOTHING_FOUND = "no finding above threshold"


def impression(prediction: Prediction) -> str:
    """Say in one sentence what a model found, on how many images, and what it could not look at."""
    if not prediction.images:
        reasons = dict.fromkeys(each.reason.value for each in prediction.refusals)
        refused = images(len(prediction.refusals))
        if not reasons:
            return f"No result: {refused} not analysed."
        return f"No result: {refused} not analysed ({'; '.join(reasons)})."
    parts = [_found(prediction), *_reservations(prediction)]
    return f"{NOT_VERIFIED}: {'; '.join(parts)}."


def stated_impression(report: Dataset) -> str:
    """Return the sentence at the top of a report; empty where it has none."""
    for item in report.get("ContentSequence") or ():
        named = item.get("ConceptNameCodeSequence") or ()
        if any(code.get("CodeValue") == codes.IMPRESSION.value for code in named):
            return str(item.get("TextValue") or "")
    return ""


def images(count: int) -> str:
    """Count images in words."""
    return "1 image" if count == 1 else f"{count} images"


def _found(prediction: Prediction) -> str:
    count = len(prediction.images)
    if not prediction.is_positive:
        return f"no finding above threshold on {images(count)}" if count > 1 else NOTHING_FOUND
    where = ""
    if count > 1:
        positive = sum(bool(each.positive) for each in prediction.images)
        where = f"on {positive} of {images(count)}"
    return ", ".join(filter(None, (*_named(prediction), where)))


def _named(prediction: Prediction) -> Iterator[str]:
    """Name each finding once, with the highest probability that it has on any image."""
    highest: dict[str, tuple[float, float]] = {}
    for image in prediction.images:
        for finding in image.positive:
            before = highest.get(finding.title, (0.0, 0.0))
            highest[finding.title] = max(before, (finding.probability, finding.threshold))
    for title, (probability, threshold) in sorted(highest.items(), key=lambda one: -one[1][0]):
        yield f"{title} (probability {percent(probability, beside=threshold)})"


def _reservations(prediction: Prediction) -> Iterator[str]:
    if prediction.refusals:
        yield f"{images(len(prediction.refusals))} not analysed"
    kinds = dict.fromkeys(remark.kind for remark in prediction.remarks)
    if codes.MISSING_IMAGES & kinds.keys():
        yield MAY_BE_MISSING
    yield from (kind.value for kind in kinds if kind in IMAGE_NOTICES)
