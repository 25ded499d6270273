"""Figures from masks: volumes, percentages of inhomogeneity and their grades."""

import numpy as np
import numpy.typing as npt

from ai_engine.ct.high_attenuation import HIGH_ATTENUATION
from ai_engine.ct.lungs import LEFT, RIGHT, Labels, LungMasks
from ai_engine.ct.morphology import Mask
from ai_engine.ct.results import LungMeasurement, Severity, Side
from ai_engine.ct.volume import LIMITS as HOUNSFIELD_LIMITS
from ai_engine.ct.volume import CtVolume

AERATED = -500
"""Hounsfield units below which lung is aerated (Gattinoni et al., Anesthesiology 1988)."""

FIRST, LAST = HOUNSFIELD_LIMITS

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
    volume: CtVolume, lungs: LungMasks, found: Mask | Labels
) -> tuple[LungMeasurement, LungMeasurement, LungMeasurement]:
    """The right lung's, the left lung's and both lungs' figures (paper 5, equations 1 and 2).

    Whatever is not 0 in ``found`` is inhomogeneous.
    """
    densities = np.zeros((3, LAST - FIRST + 1), np.int64)
    dense = np.zeros(3, np.int64)
    for plane, labels, present in zip(volume.hounsfield, lungs.labels, found, strict=True):
        for label in (RIGHT, LEFT) if labels.any() else ():
            inside = labels == label
            values = plane[inside].astype(np.intp) - FIRST
            densities[label] += np.bincount(values, minlength=densities.shape[1])
            dense[label] += np.count_nonzero(inside & (present != 0))
    voxel = volume.geometry.voxel_ml
    right, left, both = (
        _measurement(
            side, densities[list(labels)].sum(axis=0), int(dense[list(labels)].sum()), voxel
        )
        for side, labels in LABELS.items()
    )
    return right, left, both


def is_small(side: Side, lungs: LungMasks) -> bool:
    """Whether a lung is so small beside the other that it may have lost volume."""
    voxels = np.bincount(lungs.coarse_labels.ravel(), minlength=3)
    own = voxels[LABELS[side][0]]
    return bool(own < SMALL_SHARES[side] * (voxels[RIGHT] + voxels[LEFT]))


def _measurement(
    side: Side, densities: npt.NDArray[np.int64], dense: int, voxel_ml: float
) -> LungMeasurement:
    """One lung's figures from how many voxels of it have each density."""
    voxels = int(densities.sum())
    if not voxels:
        return LungMeasurement(
            side=side,
            volume_ml=0.0,
            aerated_ml=0.0,
            inhomogeneity_ml=0.0,
            percentage=None,
            high_attenuation_percentage=None,
            mean_hounsfield=None,
            percentile_15=None,
            severity=None,
        )
    low, high = HIGH_ATTENUATION
    hounsfield = np.arange(FIRST, LAST + 1)
    attenuated = int(densities[(hounsfield >= low) & (hounsfield <= high)].sum())
    percentage = 100.0 * dense / voxels
    below = int(np.searchsorted(np.cumsum(densities), 0.15 * voxels))
    return LungMeasurement(
        side=side,
        volume_ml=voxels * voxel_ml,
        aerated_ml=float(densities[hounsfield < AERATED].sum()) * voxel_ml,
        inhomogeneity_ml=dense * voxel_ml,
        percentage=percentage,
        high_attenuation_percentage=100.0 * attenuated / voxels,
        mean_hounsfield=float(densities @ hounsfield) / voxels,
        percentile_15=float(hounsfield[below]),
        severity=severity(percentage),
    )
