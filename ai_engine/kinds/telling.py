"""From what a model's outputs say to what its results name: earned labels, and abnormal."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.kinds.deciding import Calibration, decided
from ai_engine.library.card import Label, ModelCard
from ai_engine.library.earned import reported_labels, unearned_labels, what_it_tells
from ai_engine.prediction import Finding, FoundBox, ImagePrediction, Remark, RemarkKind

_LEAST, _MOST = 1e-6, 1 - 1e-6


def reported_score(card: ModelCard, scores: Mapping[str, float], label: Label) -> float:
    """The model's own probability of a label that results name, from those of its outputs.

    Of the label that stands for several, it is that of the most suspicious one, on a scale where
    each one's threshold lies in the middle: it reaches its threshold where one of them does.
    """
    if label.name in scores:
        return scores[label.name]
    folded = unearned_labels(card)
    return max(_on_scale(scores[each.name], each, label) for each in folded)


def reported_scores(card: ModelCard, scores: Mapping[str, float]) -> dict[str, float]:
    """The model's own probability of every label that results name."""
    return {label.name: reported_score(card, scores, label) for label in reported_labels(card)}


def reported_findings(
    card: ModelCard, findings: Sequence[Finding], calibration: Calibration
) -> tuple[Finding, ...]:
    """The findings of one image by the labels that results name.

    Parameters
    ----------
    findings
        One for each of the card's labels.
    calibration
        How the device that made the image is decided.
    """
    found = {each.label: each for each in findings}
    return tuple(
        found[label.name] if label.name in found else _joined(card, found, label, calibration)
        for label in reported_labels(card)
    )


def keeping_boxes(card: ModelCard, calibration: Calibration) -> Calibration:
    """A calibration that keeps every box of labels that others stand for.

    Which of them count is decided once they are on the scale of the label that results name.
    """
    everything = {each.name: OperatingPoint(score_threshold=0.0) for each in unearned_labels(card)}
    return replace(calibration, points={**calibration.points, **everything})


def telling_remarks(card: ModelCard, images: Sequence[ImagePrediction]) -> tuple[Remark, ...]:
    """What the model can tell and what not, said once, with the first analysed image."""
    words = what_it_tells(card)
    if not words or not images:
        return ()
    uid = images[0].sop_instance_uid
    return (Remark(kind=RemarkKind.TELLS_ABNORMAL, sop_instance_uid=uid, detail=words),)


def _joined(
    card: ModelCard, found: Mapping[str, Finding], label: Label, calibration: Calibration
) -> Finding:
    """One finding for the labels that are not earned: where the most suspicious one is seen."""
    folded = {each.name: each for each in unearned_labels(card)}
    scores = {
        name: _on_scale(found[name].own_probability, each, label) for name, each in folded.items()
    }
    leading = max(scores, key=scores.__getitem__)
    boxes = (
        FoundBox(region=box.region, probability=_on_scale(box.probability, each, label))
        for name, each in folded.items()
        for box in found[name].boxes
    )
    return decided(
        card,
        label,
        scores[leading],
        calibration,
        heat_map=found[leading].heat_map,
        boxes=sorted(boxes, key=lambda box: -box.probability),
    )


def _on_scale(probability: float, label: Label, wanted: Label) -> float:
    """A probability moved so that its label's threshold falls on another's (log odds)."""
    if label.threshold == wanted.threshold:
        return probability
    moved = _odds(probability) - _odds(label.threshold) + _odds(wanted.threshold)
    return 1 / (1 + math.exp(-moved))


def _odds(probability: float) -> float:
    inside = min(max(probability, _LEAST), _MOST)
    return math.log(inside / (1 - inside))
