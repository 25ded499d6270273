"""Figures from masks: volumes, percentages of inhomogeneity and their grades."""

import numpy as np
import numpy.typing as npt

from ai_engine.ct.high_attenuation import HIGH_ATTENUATION
from ai_engine.ct.lungs import LEFT, RIGHT, LungMasks
from ai_engine.ct.morphology import Mask
from ai_engine.ct.results import LungMeasurement, Severity, Side
from ai_engine.ct.volume import CtVolume

LIMITS = (2.0, 25.0, 50.0, 75.0)
"""Percent up to which grades 1 to 4 reach (paper 5, section 6)."""

SMALL_SHARES = {Side.RIGHT: 0.43, Side.LEFT: 0.36}
"""Part of both lungs' volume below which one has lost volume or wasn't found whole; usual are
0.53 to 0.55 for the right."""

LABELS = {Side.RIGHT: (RIGHT,), Side.LEFT: (LEFT,), Side.BOTH: (RIGHT, LEFT)}


def severity(percentage: float) -> Severity:
    """The grade of a percentage of inhomogeneity (paper 5, section 6)."""
    return tuple(Severity)[sum(percentage > limit for limit in LIMITS)]


def measure(
    volume: CtVolume, lungs: LungMasks, mask: Mask
) -> tuple[LungMeasurement, LungMeasurement, LungMeasurement]:
    """The right lung's, the left lung's and both lungs' figures (paper 5, equations 1 and 2)."""
    counts = np.zeros((3, 4))
    low, high = HIGH_ATTENUATION
    for plane, labels, dense in zip(volume.hounsfield, lungs.labels, mask, strict=True):
        for label in (RIGHT, LEFT):
            inside = labels == label
            values = plane[inside]
            if len(values):
                attenuated = np.count_nonzero((values >= low) & (values <= high))
                areas = len(values), np.count_nonzero(dense & inside), attenuated
                counts[label] += (*areas, values.sum(dtype=np.int64))
    voxel = volume.geometry.voxel_ml
    right, left, both = (
        _measurement(side, counts[list(labels)].sum(axis=0), voxel)
        for side, labels in LABELS.items()
    )
    return right, left, both


def is_small(side: Side, lungs: LungMasks) -> bool:
    """Whether a lung is so small beside the other that it may have lost volume."""
    voxels = np.bincount(lungs.coarse_labels.ravel(), minlength=3)
    own = voxels[LABELS[side][0]]
    return bool(own < SMALL_SHARES[side] * (voxels[RIGHT] + voxels[LEFT]))


def _measurement(side: Side, counts: npt.NDArray[np.float64], voxel_ml: float) -> LungMeasurement:
    voxels, dense, attenuated, total = (float(count) for count in counts)
    if not voxels:
        return LungMeasurement(
            side=side,
            volume_ml=0.0,
            inhomogeneity_ml=0.0,
            percentage=None,
            high_attenuation_percentage=None,
            mean_hounsfield=None,
            severity=None,
        )
    percentage = 100.0 * dense / voxels
    return LungMeasurement(
        side=side,
        volume_ml=voxels * voxel_ml,
        inhomogeneity_ml=dense * voxel_ml,
        percentage=percentage,
        high_attenuation_percentage=100.0 * attenuated / voxels,
        mean_hounsfield=total / voxels,
        severity=severity(percentage),
    )
