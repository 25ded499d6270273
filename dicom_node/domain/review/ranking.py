"""How soon a result should be reviewed, and what leads it."""

from collections.abc import Iterable

from ai_engine.prediction import Triage, abnormality
from dicom_node.domain.review.review import FindingUnderReview, Priority


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


def _nearness(probability: float, threshold: float) -> float:
    room = threshold if probability < threshold else 1.0 - threshold
    return 1.0 if room <= 0 else max(0.0, 1.0 - abs(probability - threshold) / room)
