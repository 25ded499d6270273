"""Where lung is to be expected, aerated or not.

Conservative: inside the ribs, away from midline, heart and diaphragm. The diaphragm's dome is known
by its shape: from its top downwards its cross-section grows step by step while a rim of aerated
lung stays at the ribs. Disease ends the lung otherwise: at one level, or at the ribs themselves.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.ct.morphology import Mask
from ai_engine.ct.thorax import Thorax

DENSE = -200
"""Hounsfield units from which a voxel of 4 mm is not aerated."""

CORE = 9.0
RIM = (3.0, 14.0)
"""mm from the ribs: what lies deeper is the core, what lies within is the rim."""

BEHIND = 18.0
"""mm from the ribs, in the rear half, that the diaphragm doesn't fill just below a lung's end."""

FILLED = 0.6
GROWTH = 0.02
DOME = 9.0
RISEN = 0.25
AERATED_RIM = 0.45
"""Part of the core that is dense inside the dome, and from which it grows slice by slice; the mm
that it takes from the dome's top to there; and the part of the rim that may be dense where the dome
fills RISEN of the core."""

BREAK_WITHIN = 10.0
RIM_BREAK = 0.6
CORE_BREAK = 0.15
"""A lung ends at a level where within so many mm such parts of rim and core turn dense."""

SECTION = 2
"""Slices above a lung's end of which the section is taken."""

LEFT_LOWER = 36.0
RIGHT_LOWER = 25.0
"""mm below the other half's dome from which one of this side was overlooked: the left one lies
10 to 20 mm lower."""

THICKEST_WALL = 4.5
"""mm between the ribs' polygon and the pleura at most."""

HEART = 80.0
"""mm below the carina at which the heart is widest."""

PLACE_LIMITS = (0.05, 0.8)
"""What distance from the midline alone can say: beside the ribs lie lung and liver."""

LEAST_PART = 0.25
"""Of the usual area of core or rim, below which a slice says nothing."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Half:
    """One half of the thorax.

    ``depth`` is mm from the ribs in the slice; ``lateral`` leaves out what may be mediastinum or
    heart; ``back`` is its rear half; ``under_dome`` what the dome fills. ``dome`` is the slice of
    the diaphragm's top, None where it isn't seen; ``broken`` the slice in which the lung ends at a
    level, None where it doesn't; ``last`` the lowest slice with aerated lung.
    """

    thorax: Thorax
    is_left: bool
    cavity: Mask
    aerated: Mask
    depth: Floats
    lateral: Mask
    back: Mask
    under_dome: Mask
    dome: int | None
    broken: int | None
    last: int


def halves(thorax: Thorax, aerated: tuple[Mask, Mask], dense: Mask) -> tuple[Half, Half]:
    """The right and the left half; ``dense`` is what isn't aerated."""
    right, left = (_half(thorax, aerated, dense, is_left) for is_left in (False, True))
    return right, left


def expected_lung(half: Half, sides: tuple[Half, Half], dense: Mask) -> Mask:
    """What is dense where lung is expected in one half."""
    thorax = half.thorax
    other = sides[0] if half.is_left else sides[1]
    levels = np.arange(half.cavity.shape[0])[:, None, None]
    first = _first_level(thorax, sides)
    inside = half.lateral & (half.depth >= RIM[0]) & dense & (levels >= first)
    expected = inside & (levels < _limit(half, other))
    aerated_below = _below(half.aerated, thorax.levels(10.0)) & (
        half.dome is None or levels < half.dome
    )
    expected |= inside & aerated_below
    if half.broken is not None and not _is_beyond_dome(half, other):
        behind = half.back & (half.depth <= BEHIND) & inside & ~beyond_section(half)
        expected |= behind & (levels >= half.broken) & (levels < half.broken + thorax.levels(14.0))
    return np.asarray(expected)


def beyond_section(half: Half) -> Mask:
    """What lies below a lung's end at a level and outside of its last aerated section.

    Below the diaphragm's top, a lung's section narrows downwards.
    """
    beyond = np.zeros(half.cavity.shape, np.bool_)
    if half.dome is None or half.broken is None or half.broken == 0:
        return beyond
    above = slice(max(0, half.broken - SECTION), half.broken)
    beyond[half.broken :] = half.cavity[half.broken :] & ~half.aerated[above].any(axis=0)
    return beyond


def _is_beyond_dome(half: Half, other: Half) -> bool:
    """Whether a half whose dome isn't seen ends far below the other's: the dome was overlooked."""
    if half.dome is not None or other.dome is None or half.broken is None:
        return False
    lower = LEFT_LOWER if half.is_left else RIGHT_LOWER
    return half.broken >= other.dome + half.thorax.levels(lower)


def _first_level(thorax: Thorax, sides: tuple[Half, Half]) -> int:
    either = sides[0].aerated | sides[1].aerated
    first = int(np.flatnonzero(either.any(axis=(1, 2)))[0]) + thorax.levels(12.0)
    if thorax.carina is not None:
        first = min(first, max(0, thorax.carina - thorax.levels(50.0)))
    return first


def _limit(half: Half, other: Half) -> int:
    """The slice down to which nothing inside the ribs is diaphragm."""
    thorax = half.thorax
    if half.dome is not None:
        return half.dome - thorax.levels(6.0)
    limits = [0 if thorax.carina is None else thorax.carina + thorax.levels(35.0)]
    if other.dome is not None:
        limits.append(other.dome - thorax.levels(8.0 if half.is_left else 25.0))
    return max(limits)


def _below(aerated: Mask, slices: int) -> Mask:
    """Where there is aerated lung at least so many slices lower in the same column."""
    later = np.maximum.accumulate(aerated[::-1], axis=0)[::-1]
    shifted = np.zeros_like(later)
    shifted[: len(later) - slices] = later[slices:]
    return shifted


def _half(thorax: Thorax, aerated: tuple[Mask, Mask], dense: Mask, is_left: bool) -> Half:
    cavity, own = thorax.cavities[is_left], aerated[is_left]
    depth = _depth(thorax, cavity) - _pleura(thorax, aerated)
    back = _back(cavity)
    lateral = cavity & _lateral(thorax, back, is_left)
    core, rim = lateral & (depth >= CORE), lateral & back & (depth >= RIM[0]) & (depth < RIM[1])
    shares = _shares(core, dense), _shares(rim, dense)
    levels = np.flatnonzero(own.any(axis=(1, 2)))
    dome = find_dome(*shares, thorax.grid.spacing[0], thorax.carina)
    return Half(
        thorax=thorax,
        is_left=is_left,
        cavity=cavity,
        aerated=own,
        depth=depth,
        lateral=lateral,
        back=back & cavity,
        under_dome=~back & (depth >= 2 * CORE),
        dome=dome,
        broken=find_break(*shares, thorax.grid.spacing[0], thorax.carina),
        last=int(levels[-1]) if len(levels) else 0,
    )


def find_dome(core: Floats, rim: Floats, step: float, carina: int | None) -> int | None:
    """The slice of the dome's top, from the dense parts of core and rim, slice by slice."""
    start = 0 if carina is None else carina
    not_filled = np.flatnonzero(core[start:] < FILLED)
    if not len(not_filled) or start + int(not_filled[-1]) + 1 >= len(core):
        return None
    top = bottom = start + int(not_filled[-1]) + 1
    while top > start and core[top] >= GROWTH and core[top - 1] < core[top]:
        top -= 1
    if (bottom - top) * step < DOME:
        return None
    risen = top + int(np.argmax(core[top : bottom + 1] >= RISEN))
    around = rim[risen : risen + 2]
    return top if max(around) < AERATED_RIM else None


def find_break(core: Floats, rim: Floats, step: float, carina: int | None) -> int | None:
    """The slice in which a lung ends at a level, below the carina."""
    within = max(1, int(BREAK_WITHIN / step))
    for index in range(within if carina is None else carina + within, len(core)):
        core_grown, rim_grown = (part[index] - part[index - within] for part in (core, rim))
        if rim[index] >= 0.8 and rim_grown >= RIM_BREAK and core_grown >= CORE_BREAK:
            return index - within + 1
    return None


def _shares(part: Mask, dense: Mask) -> Floats:
    """The dense share of a part, slice by slice; what is too small repeats its neighbour."""
    pixels = part.sum(axis=(1, 2))
    found = (part & dense).sum(axis=(1, 2)) / np.maximum(1, pixels)
    if not pixels.any():
        return np.zeros(len(part), np.float32)
    known = np.flatnonzero(pixels >= LEAST_PART * np.median(pixels[pixels > 0]))
    return np.asarray(np.interp(np.arange(len(part)), known, found[known]), np.float32)


def _depth(thorax: Thorax, cavity: Mask) -> Floats:
    """mm from the ribs in each slice; the midline is no border."""
    both = thorax.cavities[0] | thorax.cavities[1]
    depth = np.zeros(cavity.shape, np.float32)
    for index in np.flatnonzero(cavity.any(axis=(1, 2))):
        padded = np.pad(both[index].view(np.uint8), 1)
        depth[index] = cv2.distanceTransform(padded, cv2.DIST_L2, 5)[1:-1, 1:-1]
    return np.asarray(depth * cavity * thorax.grid.spacing[1], np.float32)


def _pleura(thorax: Thorax, aerated: tuple[Mask, Mask]) -> float:
    """mm between the ribs' polygon and the pleura: the depth at which aerated lung begins.

    It is taken where lung comes closest, row by row, since elsewhere it may be diseased.
    """
    begins = []
    for cavity, lung in zip(thorax.cavities, aerated, strict=True):
        depth = np.where(lung & cavity, _depth(thorax, cavity), np.inf).min(axis=2)
        begins.append(depth[np.isfinite(depth)])
    known = np.concatenate(begins)
    return min(THICKEST_WALL, float(np.percentile(known, 20))) if len(known) else 0.0


def rib_distance(thorax: Thorax, aerated: Mask, side: int) -> float:
    """mm from the ribs at which one lung's aerated part usually begins, above the diaphragm.

    0 where there is too little of it. ``side`` is 0 for the right and 1 for the left lung.
    """
    levels = np.flatnonzero(aerated.any(axis=(1, 2)))
    if not len(levels):
        return 0.0
    first = int(levels[0]) + thorax.levels(20.0)
    last = first + (int(levels[-1]) - first) // 2
    cavity = thorax.cavities[side]
    inside = cavity & aerated & _lateral(thorax, _back(cavity), bool(side))
    depth = np.where(inside, _depth(thorax, cavity), np.inf)[first:last].min(axis=2, initial=np.inf)
    begins = depth[np.isfinite(depth)]
    return float(np.median(begins)) if len(begins) else 0.0


def _back(cavity: Mask) -> Mask:
    """The rear half of a cavity, slice by slice."""
    rows = np.arange(cavity.shape[1])
    sums = cavity.sum(axis=2)
    middles = (sums @ rows) / np.maximum(1, sums.sum(axis=1))
    return np.broadcast_to(rows[None, :, None] >= middles[:, None, None], cavity.shape)


def _lateral(thorax: Thorax, back: Mask, is_left: bool) -> Mask:
    """Far enough from the midline to be neither mediastinum nor heart."""
    away = np.broadcast_to(thorax.away if is_left else -thorax.away, back.shape) / thorax.half_width
    narrow, wide = (0.38, 0.68) if is_left else (0.38, 0.45)
    if thorax.carina is None:
        return np.asarray(away >= np.where(back, narrow, wide))
    below = np.arange(len(back))[:, None, None] > thorax.carina + thorax.levels(5.0)
    return np.asarray(away >= np.where(below & ~back, wide, narrow))


def lung_by_place(half: Half) -> Floats:
    """How likely a dense voxel is lung rather than mediastinum by its distance from the midline.

    The usual border, in parts of the thorax's half width, lies nearer to the midline behind than in
    front, and on the left it follows the heart, which reaches farther the lower.
    """
    thorax = half.thorax
    sign = 1.0 if half.is_left else -1.0
    away = np.broadcast_to(sign * thorax.away, half.cavity.shape) / thorax.half_width
    below = np.zeros(len(half.cavity))
    if thorax.carina is not None:
        down = (np.arange(len(below)) - thorax.carina) * thorax.grid.spacing[0]
        below = np.clip(down / HEART, 0.0, 1.0)
    front, behind = ((0.22, 0.40), 0.25) if half.is_left else ((0.22, 0.10), 0.12)
    border = np.where(half.back, behind, front[0] + front[1] * below[:, None, None])
    likely = 1.0 / (1.0 + np.exp((border - away) / 0.06))
    return np.asarray(np.clip(likely, *PLACE_LIMITS), np.float32)
