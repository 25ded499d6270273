"""Whether values are on the Hounsfield scale, whatever the header says: air at -1000, water at 0.

A rescale that is wrong, lost or applied twice moves all densities, and thus what is lung, haze or
solid; one that is so in some slices moves theirs (PS3.3 C.11.1.1.2).
"""

import numpy as np

from ai_engine.ct.air import LUNG_WALL, PADDING, air_around
from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.volume import CtVolume, Hounsfield

LIGHT = -500
DARKEST = 1.0
AIR = -915.0
"""Hounsfield units below which there is lung or air; the per cent of it that is darkest, windpipe
and air around the body among it; and what that stays below: -990 and less are usual."""

MOSTLY = 0.9
AROUND = 0.02
LOWER_QUARTER = 25.0
AIR_AROUND = -970.0
"""Part of a slice's sides that is air, and of the image that air around the body takes, where it
is looked at: where the sides cut the body off, what reaches them may be lung; the per cent of it
that is darkest, without blankets and the table; and what that stays below: -995 to -1018 in six
scans of 2 to 6 mm."""

TISSUE = -300
TISSUE_SHARE = 0.005
TISSUE_MEDIAN = 140.0
"""Hounsfield units above which there is body, fat included; the part of the image that it takes at
least; and what its median stays below: -23 to 52 in six scans, some 80 with contrast agent."""

DENSE = 150
MUSCLE = 95.0
MUSCLE_LEAST = 30.0
"""Hounsfield units below which tissue is soft; the per cent of it that is fat at most, with eight
centimetres of it under the skin; and what muscle, blood and organs are above: 85 to 123 in six
scans, and 57 to 90 with so much fat."""

CUT = 0.1
"""Part of the image that is of its lowest value where what is less dense was cut off."""

DENSEST = 90.0
BONE = 700.0
"""Of the image, the per cent that no bone and no metal is in; and what that stays below."""

STEP = 4.0
NEIGHBOURS = ((-200, -30), (-30, 200))
FEWEST = 100
LEAP = 30.0
"""mm of the pixels on which slices are compared; Hounsfield units of fat and of what else is soft
in one slice, most of which is the same in the next; pixels of each below which nothing is said of
it; and what their medians leap by at most: 4 in six scans of 2 to 6 mm, and where only every second
slice is left."""


def require_air(grid: CoarseGrid) -> None:
    """Refuse values that are cut off above air, as by a window.

    Raises
    ------
    CtRefusedError
        If they are.
    """
    lowest = int(grid.hounsfield.min())
    if lowest > LIGHT and np.mean(grid.hounsfield == lowest) > CUT:
        detail = (
            "nothing in the images is as light as air: values are cut off, as by a window, or the "
            "rescale is lost"
        )
        raise CtRefusedError(CtRefusalReason.NO_HOUNSFIELD_UNITS, detail)


def require_hounsfield(grid: CoarseGrid) -> None:
    """Refuse values among which air or tissue have another density than they have.

    Raises
    ------
    CtRefusedError
        If they have.
    """
    values = grid.hounsfield
    seen = values[values > PADDING]
    if not len(seen):
        return
    around = _around(values)
    tissue = seen[seen > TISSUE]
    detail = ""
    if _is_air_dense(seen[seen < LIGHT], around, values.size):
        detail = "the air in the images is denser than air; the rescale intercept may be wrong"
    elif np.percentile(seen, DENSEST) > BONE:
        detail = "much in the images is denser than bone; the rescale may be lost or wrong"
    elif len(tissue) < TISSUE_SHARE * len(seen):
        detail = "nothing in the images is as dense as tissue; the rescale may be wrong"
    elif np.median(tissue) > TISSUE_MEDIAN:
        detail = "the tissue in the images is denser than tissue; the rescale may be wrong"
    elif _is_tissue_light(tissue):
        detail = "the tissue in the images is less dense than tissue; the rescale may be wrong"
    if detail:
        raise CtRefusedError(CtRefusalReason.NO_HOUNSFIELD_UNITS, detail)


def _around(values: Hounsfield) -> Hounsfield:
    """Air around the body; none where the image's sides cut the body off."""
    known = values > PADDING
    air = known & (values < LUNG_WALL)
    sides = np.zeros_like(known)
    sides[:, [0, -1]] = sides[:, :, [0, -1]] = True
    sides &= known
    counts = np.count_nonzero(sides, axis=(1, 2))
    is_free = np.count_nonzero(sides & air, axis=(1, 2)) >= MOSTLY * np.maximum(counts, 1)
    return np.asarray(values[air_around(air) & is_free[:, None, None]])


def _is_air_dense(light: Hounsfield, around: Hounsfield, size: int) -> bool:
    if len(light) and np.percentile(light, DARKEST) > AIR:
        return True
    return bool(len(around) > AROUND * size and np.percentile(around, LOWER_QUARTER) > AIR_AROUND)


def _is_tissue_light(tissue: Hounsfield) -> bool:
    soft = tissue[tissue < DENSE]
    return bool(len(soft) and np.percentile(soft, MUSCLE) < MUSCLE_LEAST)


def require_one_scale(volume: CtVolume, first: int = 0) -> None:
    """Refuse slices whose tissue has another density than the same tissue in the next one.

    Parameters
    ----------
    volume
        Slices that hold some of the body, from head to feet.
    first
        The index, from 0, of the first of them among all that were sent.

    Raises
    ------
    CtRefusedError
        If there are such slices.
    """
    _, height, width = volume.geometry.spacing
    rows, columns = max(1, round(STEP / height)), max(1, round(STEP / width))
    thinned = volume.hounsfield[:, ::rows, ::columns]
    for index in range(len(thinned) - 1):
        leap = _leap(thinned[index], thinned[index + 1])
        if abs(leap) > LEAP:
            number, step = first + index + 1, round(leap / 10) * 10
            detail = (
                f"densities leap by about {step} HU after slice {number}, counted from the head: "
                "the slices have more than one scale; the rescale may be wrong"
            )
            raise CtRefusedError(CtRefusalReason.NO_HOUNSFIELD_UNITS, detail)


def _leap(one: Hounsfield, other: Hounsfield) -> float:
    """By how much tissue of one slice is denser in the next; of several estimates the smallest one.

    What is tissue in one and lung or air in the other, or healthy in one and diseased in the other,
    makes some of them large, or one denser and one less dense; a scale moves fat and muscle, there
    and back, to the same side.
    """
    found: list[float] = []
    for least, most in NEIGHBOURS:
        found += _denser(one, other, least, most)
        found += [-each for each in _denser(other, one, least, most)]
    if min(found, default=0.0) < 0 < max(found, default=0.0):
        return 0.0
    return min(found, key=abs, default=0.0)


def _denser(one: Hounsfield, other: Hounsfield, least: int, most: int) -> tuple[float, ...]:
    """By how much such tissue of one slice is denser in the other; none where there is little."""
    is_tissue = (one > least) & (one < most)
    if np.count_nonzero(is_tissue) < FEWEST:
        return ()
    return (float(np.median(other[is_tissue]) - np.median(one[is_tissue])),)
