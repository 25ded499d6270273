"""How well boxes are found: hit rate, overlap, average precision."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.kinds.boxes import overlap
from ai_engine.measures.metrics import Interval, wilson
from ai_engine.prediction import FoundBox, Region

HIT = 0.5
"""Intersection over union from which a box counts as found."""

COCO_OVERLAPS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""The overlaps over which COCO averages."""

RSNA_OVERLAPS = tuple(round(0.4 + 0.05 * step, 2) for step in range(8))
"""The overlaps over which the RSNA challenge averages."""

BOOTSTRAP_ROUNDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxedImage:
    """One image: the boxes that were found, most probable first, and those that are there.

    ``source`` is the data set that it comes from, where there are several.
    """

    patient: str
    found: tuple[FoundBox, ...]
    truth: tuple[Region, ...]
    source: str = ""


Images = Sequence[BoxedImage]
Measure = Callable[[Images], float]


def hits(image: BoxedImage, lowest: float) -> npt.NDArray[np.bool_]:
    """Whether each found box hits a true one that no more probable box has hit."""
    open_ones = list(image.truth)
    answers = []
    for box in image.found:
        best = max(open_ones, key=lambda region: overlap(box.region, region), default=None)
        is_hit = best is not None and overlap(box.region, best) >= lowest
        if is_hit and best is not None:
            open_ones.remove(best)
        answers.append(is_hit)
    return np.array(answers, dtype=np.bool_)


def average_precision(images: Images, lowest: float = HIT) -> float:
    """Area under precision over recall, precision made monotonous (Everingham et al., 2010).

    Boxes of one score come at once: in which order images are named says nothing.
    """
    total = sum(len(image.truth) for image in images)
    if not total or not any(image.found for image in images):
        return 0.0
    _, found, called = _at_each_score(images, lowest)
    precision = found / called
    monotonous = np.maximum.accumulate(precision[::-1])[::-1]
    recall = np.concatenate([[0.0], found / total])
    return float(np.sum(np.diff(recall) * monotonous))


def measures(threshold: float) -> dict[str, Measure]:
    """The measures by name; those about decisions count boxes at or above the threshold."""
    return {
        "average_precision_50": average_precision,
        "average_precision_50_95": lambda images: float(
            np.mean([average_precision(images, each) for each in COCO_OVERLAPS])
        ),
        "box_hit_rate": lambda images: _hit_rate(_called(images, threshold)),
        "mean_iou": lambda images: _mean_overlap(_called(images, threshold)),
        "false_boxes_per_image": lambda images: _false_boxes(_called(images, threshold)),
        "rsna_score": lambda images: _rsna_score(_called(images, threshold)),
    }


def best_box_threshold(images: Images) -> float:
    """The threshold with the best F1 over boxes, halfway to the next lower score.

    Raises
    ------
    ValueError
        If there is no true box, or none was hit.
    """
    total = sum(len(image.truth) for image in images)
    scores, found, called = _at_each_score(images, HIT)
    if not found.any():
        raise ValueError("a threshold needs at least one box that was found")
    best = int(np.argmax(2 * found / (called + total)))
    return float(np.mean(scores[best : best + 2]))


def _at_each_score(
    images: Images, lowest: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Each score that a box has, the highest first: hits and boxes that have it or more."""
    scores = np.array([box.probability for image in images for box in image.found], np.float64)
    right = np.concatenate([hits(image, lowest) for image in images] or [np.zeros(0, np.bool_)])
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    return scores[order][last], np.cumsum(right[order])[last], last + 1


def bootstrap(measure: Measure, images: Images, *, seed: int = 0) -> Interval:
    """A measure with its 95 % percentile interval over patients drawn with replacement."""
    return _drawn_again(lambda rows: measure([images[row] for row in rows]), images, seed=seed)


def precision_gain(own: Images, other: Images, *, seed: int = 0) -> Interval | None:
    """How much higher the average precision of ``own`` boxes is than that of ``other`` ones.

    Both are of the same images, which are drawn together; None without a true box.
    """
    if not any(image.truth for image in own):
        return None

    def gain(rows: Sequence[int]) -> float:
        return average_precision([own[row] for row in rows]) - average_precision(
            [other[row] for row in rows]
        )

    return _drawn_again(gain, own, seed=seed)


def clear_share(images: Images, threshold: float) -> Interval | None:
    """The share of images without opacity on which none is boxed; None where all have some.

    Its interval is as wide as for one image of each patient: those of one resemble each other.
    """
    clear = clear_images(images)
    if not clear:
        return None
    right = [all(box.probability < threshold for box in image.found) for image in clear]
    patients = len({image.patient for image in clear})
    return wilson(float(np.mean(right)) * patients, patients)


def clear_images(images: Images) -> Images:
    """Those without opacity."""
    return tuple(image for image in images if not image.truth)


def _drawn_again(
    measure: Callable[[Sequence[int]], float], images: Images, *, seed: int
) -> Interval:
    """A measure of some rows, over patients drawn with replacement who have a true box."""
    rng = np.random.default_rng(seed)
    by_patient: dict[str, list[int]] = {}
    for row, image in enumerate(images):
        by_patient.setdefault(image.patient, []).append(row)
    groups = list(by_patient.values())
    values = []
    for _ in range(BOOTSTRAP_ROUNDS):
        drawn = [row for at in rng.integers(len(groups), size=len(groups)) for row in groups[at]]
        if any(images[row].truth for row in drawn):
            values.append(measure(drawn))
    value = measure(range(len(images)))
    low, high = np.percentile(values or [value], (2.5, 97.5))
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value))


def _called(images: Images, threshold: float) -> Images:
    return tuple(
        BoxedImage(
            patient=image.patient,
            found=tuple(box for box in image.found if box.probability >= threshold),
            truth=image.truth,
        )
        for image in images
    )


def _hit_rate(images: Images) -> float:
    total = sum(len(image.truth) for image in images)
    return sum(int(hits(image, HIT).sum()) for image in images) / max(total, 1)


def _mean_overlap(images: Images) -> float:
    """How much of each true box the best found one covers, 0 where none does."""
    best = [
        max((overlap(box.region, region) for box in image.found), default=0.0)
        for image in images
        for region in image.truth
    ]
    return float(np.mean(best)) if best else 0.0


def _false_boxes(images: Images) -> float:
    wrong = sum(len(image.found) - int(hits(image, HIT).sum()) for image in images)
    return wrong / max(len(images), 1)


def _rsna_score(images: Images) -> float:
    """Of each image with any box, found or true: hits over all boxes, averaged over overlaps."""
    scored = []
    for image in images:
        if image.found or image.truth:
            hit = [int(hits(image, each).sum()) for each in RSNA_OVERLAPS]
            shares = [one / (len(image.found) + len(image.truth) - one) for one in hit]
            scored.append(float(np.mean(shares)))
    return float(np.mean(scored)) if scored else 0.0
