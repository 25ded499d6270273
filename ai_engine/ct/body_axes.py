"""Whether the body lies in the images as the header says: head up, spine behind, heart on the left.

Image Position and Image Orientation (PS3.3 C.7.6.2.1.1) decide which lung is the right one, where
its base is looked for and where the heart is. Where pixels were turned and not the header, or the
header and not the pixels, every figure would be of the wrong place.
"""

import numpy as np
from scipy import ndimage

from ai_engine.ct.closing import between
from ai_engine.ct.lungs import LEFT, RIGHT, LungMasks
from ai_engine.ct.morphology import Mask, remove_thin
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.separation import is_across, midline
from ai_engine.ct.thorax import BONE, SPINE, TISSUE

VERTEBRA = 6.0
NEARLY_ALL = 0.9
"""mm of radius from which bone at the midline is as thick as vertebrae, and part of the slices
above and below the heart that a spine lies in: no heart and no vessel does."""

BEGINS = 0.3
ENDS = 0.9
"""Parts of the lungs' height from their top between which the windpipe neither begins in a chest
that stands upright nor ends in one that does not."""

CUT_OFF = 0.25
CENTRAL = 35.0
"""Part of the largest section of the lungs that they have in the first slice where they are cut off
there, and with them the windpipe; and mm from the lungs' middle that a windpipe lies within: gas of
stomach and colon, the longest tube where the windpipe is not seen, lies 44 mm away and more."""

ABOVE_HEART = 15.0
LOWEST = 0.8
"""mm above the carina, and part of the lungs' height, above and below which no heart full of
contrast agent looks like a spine in front."""

HEART = (40.0, 80.0)
"""mm below the carina between which the heart is looked at."""

MOST_LITRES = 12.0
"""The largest lungs hold some 10 litres."""

UPPER = 0.6
BOTH = 0.3
FEWEST_LEVELS = 5
"""Part of the lungs' height, from their top, in which each lung is one section; part of the larger
section that the smaller one has where both are seen; and levels of that kind below which nothing is
said of where they lie to each other."""

TO_THE_RIGHT = 0.55
"""Part of heart and mediastinum there that lies right of the spine, from which the heart is on the
right: 0.30 to 0.42 in six chests, so that their mirror images have 0.58 and more."""


def require_possible_volume(lungs: LungMasks) -> None:
    """Refuse more lung than anybody has: what is around the body was taken for it.

    Raises
    ------
    CtRefusedError
        If there is.
    """
    litres = np.count_nonzero(lungs.coarse_labels) * lungs.grid.voxel_ml / 1000.0
    if litres > MOST_LITRES:
        detail = (
            f"{litres:.0f} litres of lung found, which nobody has: distances or densities are "
            "stated wrongly"
        )
        raise CtRefusedError(CtRefusalReason.CONTRADICTORY, detail)


def require_upright(lungs: LungMasks) -> None:
    """Refuse a chest that lies on its side, stands on its head or has its spine in front.

    Raises
    ------
    CtRefusedError
        If it does.
    """
    if _lies_on_its_side(lungs):
        detail = (
            "one lung lies in front of the other: the slices are turned by a quarter, or the "
            "patient lies on the side and the header says otherwise"
        )
        raise CtRefusedError(CtRefusalReason.CONTRADICTORY, detail)
    if _stands_on_its_head(lungs):
        detail = "the windpipe lies at the lungs' lower end; head and feet are stated in reverse"
        raise CtRefusedError(CtRefusalReason.CONTRADICTORY, detail)
    if _has_its_spine_in_front(lungs):
        detail = "the spine lies in front of the lungs; front and back are stated in reverse"
        raise CtRefusedError(CtRefusalReason.CONTRADICTORY, detail)


def require_two_sides(lungs: LungMasks) -> None:
    """Refuse lungs that were not told apart: figures of one side would be of both.

    Raises
    ------
    CtRefusedError
        If what was taken for one lung lies on both sides of the body's midline.
    """
    larger = max((lungs.coarse_labels == side for side in (RIGHT, LEFT)), key=np.count_nonzero)
    if is_across(larger, midline(lungs.grid)):
        detail = (
            "right and left lung cannot be told apart: what is joined lies on both sides of the "
            "body's midline; the slices may be turned by a quarter"
        )
        raise CtRefusedError(CtRefusalReason.CONTRADICTORY, detail)


def has_heart_on_the_right(lungs: LungMasks) -> bool:
    """Whether what lies between the lungs at the heart's height lies right of the spine."""
    thorax = lungs.cavity.thorax
    if thorax.carina is None:
        return False
    begin, end = (thorax.carina + thorax.levels(reach) for reach in HEART)
    right, left = (side[begin:end] for side in lungs.cavity.lungs)
    if not (right.any() and left.any()):
        return False
    heart = between(right, left) & (thorax.grid.hounsfield[begin:end] > TISSUE)
    heart &= in_front(right | left)
    is_right = np.broadcast_to(thorax.away[begin:end] < 0, heart.shape)
    total = np.count_nonzero(heart)
    return bool(total > 0 and np.count_nonzero(heart & is_right) > TO_THE_RIGHT * total)


def _lies_on_its_side(lungs: LungMasks) -> bool:
    """Whether the lungs' sections, where there are two, lie in front of each other, not beside."""
    inside = lungs.coarse_labels > 0
    levels = np.flatnonzero(inside.any(axis=(1, 2)))
    upper = levels[: max(1, round(UPPER * len(levels)))]
    _, height, width = lungs.grid.spacing
    apart = [
        abs(down * height) > abs(across * width)
        for down, across in filter(None, (_between_two(inside[level]) for level in upper))
    ]
    return len(apart) >= FEWEST_LEVELS and float(np.mean(apart)) > 0.5


def _between_two(section: Mask) -> tuple[float, float] | None:
    """Rows and columns from the one to the other of two sections; None where there are not two."""
    parts, count = ndimage.label(section)
    if count < 2:
        return None
    sizes = np.bincount(parts.ravel())[1:]
    second, largest = np.argsort(sizes)[-2:] + 1
    if sizes[second - 1] < BOTH * sizes[largest - 1]:
        return None
    (one, left), (other, right) = ndimage.center_of_mass(section, parts, [largest, second])
    return float(other - one), float(right - left)


def _stands_on_its_head(lungs: LungMasks) -> bool:
    tubes = np.flatnonzero(lungs.airways.any(axis=(1, 2)))
    inside = lungs.coarse_labels > 0
    sections = np.count_nonzero(inside, axis=(1, 2))
    levels = np.flatnonzero(sections)
    if not len(tubes) or sections[0] > CUT_OFF * sections.max():
        return False
    first, last = (np.quantile(levels[[0, -1]], part) for part in (BEGINS, ENDS))
    columns = np.flatnonzero(inside.any(axis=(0, 1)))
    lowest = np.flatnonzero(lungs.airways[tubes[-1]].any(axis=0))
    aside = abs(lowest.mean() - columns[[0, -1]].mean()) * lungs.grid.spacing[2]
    return bool(tubes[0] > first and tubes[-1] >= last and aside < CENTRAL)


def _has_its_spine_in_front(lungs: LungMasks) -> bool:
    """Whether bone as thick as vertebrae lies in front alone, above the heart and below it."""
    thorax = lungs.cavity.thorax
    either = lungs.cavity.lungs[0] | lungs.cavity.lungs[1]
    levels = np.flatnonzero(either.any(axis=(1, 2)))
    if thorax.carina is None or thorax.carina - thorax.levels(ABOVE_HEART) <= levels[0]:
        return False
    thick = remove_thin(thorax.grid.hounsfield > BONE, VERTEBRA, thorax.grid.spacing)
    spine = thick & (np.abs(thorax.away) <= SPINE)
    low = int(levels[0] + LOWEST * (levels[-1] - levels[0]))
    upper = slice(int(levels[0]), thorax.carina - thorax.levels(ABOVE_HEART))
    lower = slice(low, int(levels[-1]) + 1)
    front = in_front(either)
    before, behind = (np.count_nonzero(spine & place, axis=(1, 2)) > 0 for place in (front, ~front))
    is_before = all(np.mean(before[part]) >= NEARLY_ALL for part in (upper, lower))
    return bool(is_before and np.mean(behind[upper]) <= 1 - NEARLY_ALL)


def in_front(lungs: Mask) -> Mask:
    """The rows in front of the lungs' middle: (1, rows, 1)."""
    rows = np.arange(lungs.shape[1])
    middle = np.average(rows, weights=lungs.sum(axis=(0, 2)))
    return np.asarray(rows < middle)[None, :, None]
