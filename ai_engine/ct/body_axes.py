"""Whether the body lies in the images as the header says: head up, spine behind, heart on the left.

Image Position and Image Orientation (PS3.3 C.7.6.2.1.1) decide which lung is the right one, where
its base is looked for and where the heart is. Where pixels were turned and not the header, or the
header and not the pixels, every figure would be of the wrong place.
"""

import numpy as np
from scipy import ndimage

from ai_engine.ct.air import LUNG_WALL
from ai_engine.ct.closing import between
from ai_engine.ct.lungs import LEFT, RIGHT, LungMasks
from ai_engine.ct.morphology import Mask
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.separation import is_across, midline
from ai_engine.ct.skeleton_axes import SkeletonAxes
from ai_engine.ct.thorax import TISSUE, Floats, spine_rows

KNOWN = 0.25
"""From which on `SkeletonAxes` say where the spine lies and how the ribs fall. In six chests and
in parts of these, in thick slices, with noise, contrast agent, metal, arms and disease, the spine's
has 0.23 and more; the ribs' 0.4 and more where all of the lungs is seen, 0.07 to 0.5 in their upper
half, and 0.17 and more at a child's size."""

BEGINS = 0.3
ENDS = 0.9
"""Parts of the lungs' height from their top between which the windpipe neither begins in a chest
that stands upright nor ends in one that does not."""

CUT_OFF = 0.25
NECK = 10.0
CENTRAL = 35.0
"""Part of the largest section of the lungs that they have in the first slice where they are cut off
there, and with them the windpipe; mm that it goes on beyond lungs that stand on their apices; and
mm from the lungs' middle that a windpipe lies within: gas of stomach and colon, the longest tube
where the windpipe is not seen, lies 44 mm away and more."""

ABOVE = 0.1
"""Part of the lungs' height by which the windpipe's middle lies above theirs in a chest that stands
upright: 0.2 to 0.27 in six chests."""

TILT = 8.0
"""Degrees from which the body lies turned: the lungs of six chests lie up to 5 degrees aslant."""

HEART = (40.0, 80.0)
"""mm below the carina between which the heart is looked at."""

ALONE = 0.2
CUT_DEPTH = 60.0
CUT_LEVELS = 0.5
"""Part of the larger lung below which the smaller one is not seen; mm from front to back, and part
of the lungs' levels, in which the body reaches an image's side that cuts it off."""

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


def require_upright(lungs: LungMasks, axes: SkeletonAxes) -> None:
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
    if _is_upright(axes) or is_orientation_unsure(lungs, axes):
        return
    if _stands_on_its_head(lungs):
        detail = "the windpipe lies at the lungs' lower end; head and feet are stated in reverse"
    elif axes.spine <= -KNOWN:
        detail = "the spine lies in front of the lungs; front and back are stated in reverse"
    elif axes.fall <= -KNOWN and axes.spine >= KNOWN:
        detail = "the ribs fall from front to back; head and feet are stated in reverse"
    elif axes.fall <= -KNOWN:
        detail = (
            "the ribs fall from front to back; front and back, or head and feet, are stated in "
            "reverse"
        )
    else:
        return
    raise CtRefusedError(CtRefusalReason.CONTRADICTORY, detail)


def require_whole_view(lungs: LungMasks) -> None:
    """Refuse a view of one lung: which one it is is known by the body's midline alone.

    Raises
    ------
    CtRefusedError
        If the image's sides cut the body off and no two lungs are seen.
    """
    sizes = [np.count_nonzero(lungs.coarse_labels == side) for side in (RIGHT, LEFT)]
    is_one = min(sizes) < ALONE * max(sizes) or _is_across(lungs)
    if is_one and _is_cut_aside(lungs):
        detail = (
            "the image's sides cut the body off, and one lung alone is seen whose side is not "
            "known; send a reconstruction of the whole chest"
        )
        raise CtRefusedError(CtRefusalReason.FIELD_OF_VIEW, detail)


def is_orientation_unsure(lungs: LungMasks, axes: SkeletonAxes) -> bool:
    """Whether spine, ribs and windpipe contradict each other: none of them is believed.

    Any two of them tell the third.
    """
    if min(abs(axes.spine), abs(axes.fall)) < KNOWN or not _is_windpipe_above(lungs):
        return False
    return bool(axes.spine * axes.fall < 0)


def _is_upright(axes: SkeletonAxes) -> bool:
    return axes.spine >= KNOWN and axes.fall >= KNOWN


def _is_windpipe_above(lungs: LungMasks) -> bool:
    tubes = np.count_nonzero(lungs.airways, axis=(1, 2))
    levels = np.flatnonzero((lungs.coarse_labels > 0).any(axis=(1, 2)))
    if not tubes.any():
        return False
    middle = float(np.average(np.arange(len(tubes)), weights=tubes))
    return bool(levels.mean() - middle > ABOVE * (np.ptp(levels) + 1))


def require_two_sides(lungs: LungMasks) -> None:
    """Refuse lungs that were not told apart: figures of one side would be of both.

    Raises
    ------
    CtRefusedError
        If what was taken for one lung lies on both sides of the body's midline.
    """
    if _is_across(lungs):
        detail = (
            "right and left lung cannot be told apart: what is joined lies on both sides of the "
            "body's midline; the slices may be turned by a quarter"
        )
        raise CtRefusedError(CtRefusalReason.CONTRADICTORY, detail)


def _is_across(lungs: LungMasks) -> bool:
    """Whether what was taken for the larger lung lies on both sides of the body's midline."""
    larger = max((lungs.coarse_labels == side for side in (RIGHT, LEFT)), key=np.count_nonzero)
    return is_across(larger, midline(lungs.grid))


def _is_cut_aside(lungs: LungMasks) -> bool:
    """Whether much of the body reaches the image's right or left side beside the lungs."""
    levels = np.flatnonzero((lungs.coarse_labels > 0).any(axis=(1, 2)))
    body = (lungs.grid.hounsfield >= LUNG_WALL) | (lungs.coarse_labels > 0)
    sides = body[levels[0] : levels[-1] + 1][:, :, [0, -1]]
    depths = np.count_nonzero(sides, axis=1) * lungs.grid.spacing[1]
    return bool((depths > CUT_DEPTH).mean(axis=0).max() > CUT_LEVELS)


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
    is_right = np.broadcast_to(_beside_spine(lungs)[begin:end] < 0, heart.shape)
    total = np.count_nonzero(heart)
    return bool(total > 0 and np.count_nonzero(heart & is_right) > TO_THE_RIGHT * total)


def _beside_spine(lungs: LungMasks) -> Floats:
    """mm from the midline, positive to the left; of a body that lies turned, along its own axis.

    Half of the lungs' tilt is taken: heart and lungs sink to the lower side. (slices, rows,
    columns), or (slices, 1, columns) where nothing is turned.
    """
    thorax = lungs.cavity.thorax
    right, left = (
        np.array(ndimage.center_of_mass(side))[1:] * thorax.grid.spacing[1:]
        for side in lungs.cavity.lungs
    )
    down, across = left - right
    if abs(np.degrees(np.arctan2(down, across))) < TILT:
        return thorax.away
    turn = np.arctan2(down, across) / 2
    rows = np.arange(thorax.grid.hounsfield.shape[1])[None, :, None]
    below = (rows - spine_rows(thorax.grid, thorax.midline)[:, None, None]) * thorax.grid.spacing[1]
    return np.asarray(np.cos(turn) * thorax.away + np.sin(turn) * below)


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
    if not len(tubes):
        return False
    if sections[0] > CUT_OFF * sections.max():
        below = levels[-1] + NECK / lungs.grid.spacing[0]
        return bool(tubes[-1] >= below and _is_central(lungs, tubes[-1]))
    first, last = (np.quantile(levels[[0, -1]], part) for part in (BEGINS, ENDS))
    is_low = tubes[0] > first and tubes[-1] >= last
    return bool(is_low and _is_central(lungs, tubes[-1]))


def _is_central(lungs: LungMasks, level: int) -> bool:
    """Whether the airways of a level lie near the lungs' middle, as the windpipe does."""
    columns = np.flatnonzero((lungs.coarse_labels > 0).any(axis=(0, 1)))
    here = np.flatnonzero(lungs.airways[level].any(axis=0))
    return bool(abs(here.mean() - columns[[0, -1]].mean()) * lungs.grid.spacing[2] < CENTRAL)


def in_front(lungs: Mask) -> Mask:
    """The rows in front of the lungs' middle: (1, rows, 1)."""
    rows = np.arange(lungs.shape[1])
    middle = np.average(rows, weights=lungs.sum(axis=(0, 2)))
    return np.asarray(rows < middle)[None, :, None]
