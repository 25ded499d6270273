"""Images that experts have judged, as a training set: labels that nobody judged do not count."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from ai_engine.kinds.classifier.findings_batches import ATTRIBUTES, FloatArray, TrainingSet
from ai_engine.preprocessing.geometry import centered, content_region
from ai_engine.preprocessing.harmonization import equalized
from ai_engine.preprocessing.radiograph import Radiograph
from ai_engine.training.augmentation import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidatedCase:
    """One image with what experts said of it.

    ``name`` names the image, ``patient`` its patient by any pseudonym. ``truths`` holds the labels
    that were decided, ``weights`` how much each of them counts.
    """

    name: str
    device: str
    patient: str
    truths: Mapping[str, bool]
    weights: Mapping[str, float]


Reader = Callable[[ValidatedCase], Radiograph]
"""Reads the image of a case."""


def load_validated(
    cases: Sequence[ValidatedCase],
    *,
    labels: Sequence[str],
    size: int,
    read: Reader,
    crop: float = 1.0,
    by_rank: bool = False,
) -> TrainingSet:
    """Read the images of some cases, reduced to what views of ``size`` pixels can use.

    ``crop`` is the part of the exposed area's sides that the model is shown, ``by_rank`` whether it
    sees ranks in place of grey values.

    Every device counts alike, however many cases it has: the weights of its cases sum to the
    same. Sex, view and age are not targets here; their columns are there and count nothing.
    """
    samples = tuple(as_sample(read(case), size, crop, by_rank=by_rank) for case in cases)
    targets = np.zeros((len(cases), len(labels) + ATTRIBUTES), dtype=np.float32)
    weights = np.zeros_like(targets)
    for row, case in enumerate(cases):
        for column, label in enumerate(labels):
            if label in case.truths:
                targets[row, column] = case.truths[label]
                weights[row, column] = case.weights[label]
    return TrainingSet(samples=samples, targets=targets, weights=_balanced(weights, cases))


def as_sample(
    radiograph: Radiograph, size: int, crop: float = 1.0, *, by_rank: bool = False
) -> Sample:
    """An image as training keeps it: 8 bits, square pixels, no more of them than needed.

    ``by_rank`` keeps ranks in place of grey values, for models that see these.
    """
    pixels, content = radiograph.pixels, radiograph.content
    if radiograph.aspect_ratio != 1.0:
        rows = max(round(radiograph.rows * radiograph.aspect_ratio), 1)
        pixels = np.asarray(
            cv2.resize(pixels, (radiograph.columns, rows), interpolation=cv2.INTER_AREA),
            dtype=np.float32,
        )
        content = content_region(pixels)
    if by_rank:
        pixels = equalized(pixels, content)
    image = np.round(pixels * 255).astype(np.uint8)
    return Sample(image=image, content=centered(content, crop)).shown(size)


def _balanced(weights: FloatArray, cases: Sequence[ValidatedCase]) -> FloatArray:
    """Scale each device's weights to the same sum, the mean of all weights that count being 1."""
    devices = np.array([case.device for case in cases])
    scaled = weights.copy()
    for device in np.unique(devices):
        rows = devices == device
        total = float(weights[rows].sum())
        if total:
            scaled[rows] /= total
    counted = scaled > 0
    return scaled / scaled[counted].mean() if counted.any() else scaled
