"""A logistic regression of grey values within the lungs, which a network of CT masks has to beat.

It sees what a threshold sees, and a little around it: density, its means over two neighbourhoods,
how much it varies, and how deep in the lungs it lies.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, gaussian_filter
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ai_engine.ct.morphology import Mask
from ai_engine.ct.slice_batches import FloatArray, MaskedSlices
from ai_engine.measures.overlap import dice

SCALES = (1.5, 4.0)
"""Pixels of the Gaussian neighbourhoods."""

LEVELS = tuple(round(0.05 * step, 2) for step in range(1, 19))
PIXELS = 1000
"""Pixels of each slice that are learned from."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class GreyBaseline:
    """A fitted regression, and the probability from which on a pixel is called a lesion."""

    regression: Any
    level: float

    def mask(self, image: FloatArray, lungs: Mask) -> Mask:
        """Lesions of a slice (size, size), 0 to 1, within its lungs."""
        return _probabilities(self.regression, image, lungs) >= self.level


def fit_grey_baseline(studies: Sequence[MaskedSlices], *, seed: int = 0) -> GreyBaseline:
    """Fit the regression, and the level with the best mean Dice on the same slices.

    Raises
    ------
    ValueError
        If the studies have no pixels of lesions, or none of healthy lung.
    """
    rng = np.random.default_rng(seed)
    planes = [
        (study.images[row].astype(np.float32), study.masks[row] > 0, study.lungs[row] > 0)
        for study in studies
        if study.lungs is not None
        for row in range(len(study.images))
    ]
    rows, truth = [], []
    for image, mask, lungs in planes:
        inside = np.flatnonzero(lungs)
        chosen = rng.permutation(inside)[:PIXELS]
        rows.append(_columns(image, lungs)[chosen])
        truth.append(mask.ravel()[chosen])
    regression = make_pipeline(StandardScaler(), LogisticRegression())
    regression.fit(np.concatenate(rows), np.concatenate(truth))
    found = [(_probabilities(regression, image, lungs), mask) for image, mask, lungs in planes]
    scores = [np.mean([dice(made >= level, mask) for made, mask in found]) for level in LEVELS]
    return GreyBaseline(regression=regression, level=LEVELS[int(np.argmax(scores))])


def _columns(image: FloatArray, lungs: Mask) -> npt.NDArray[np.float32]:
    """What is known of each pixel: float32 (pixels, 7)."""
    means = [gaussian_filter(image, scale) for scale in SCALES]
    spreads = [
        np.sqrt(np.maximum(gaussian_filter(image**2, scale) - mean**2, 0))
        for scale, mean in zip(SCALES, means, strict=True)
    ]
    depth = distance_transform_edt(lungs) / image.shape[0]
    planes = (image, image**2, *means, *spreads, depth)
    return np.stack([plane.ravel() for plane in planes], axis=1).astype(np.float32)


def _probabilities(regression: Any, image: FloatArray, lungs: Mask) -> FloatArray:
    """Of each pixel, 0 outside of the lungs: float32 (size, size)."""
    made = np.zeros(image.size, np.float32)
    inside = np.flatnonzero(lungs)
    if len(inside):
        made[inside] = regression.predict_proba(_columns(image, lungs)[inside])[:, 1]
    return made.reshape(image.shape)
