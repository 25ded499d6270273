"""Right and left lung, aerated or not.

Found on the coarse grid: air inside the body, without airways and without gas that is no lung,
parted into right and left; closed, so that vessels, nodules and narrow lesions at the pleura belong
to the lung; what is airless where lung is to be expected is added (`cavity`); then drawn at full
resolution. What may still be missing, `cautions` says.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.ct.air import LUNG_WALL, air_inside, unseen
from ai_engine.ct.airways import find_airways
from ai_engine.ct.cavity import Cavity, find_cavity
from ai_engine.ct.closing import close_lungs
from ai_engine.ct.gas import Gas, find_gas
from ai_engine.ct.grid import CoarseGrid, enlarge, reduce_volume
from ai_engine.ct.hilum import find_hilum
from ai_engine.ct.morphology import Mask, dilate
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.separation import separate
from ai_engine.ct.volume import CtVolume, Hounsfield

LEAST_LUNGS_ML = 300.0
"""ml of both lungs below which there are no lungs to measure."""

BESIDE = 12.0
CUT_ML = 5.0
"""mm from the sides of image or scanner's circle, and ml of lung in it from which they cut it."""

RIGHT = 1
LEFT = 2

Labels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LungMasks:
    """The lungs of a volume.

    ``labels`` is uint8 (slices, rows, columns): 0 outside, 1 the patient's right lung, 2 the left.
    ``coarse_labels`` is the same on ``grid``, where ``airways`` holds trachea and main bronchi;
    ``cavity`` has what of the lungs is airless and the chest's walls, ``gas`` what is no lung.
    """

    labels: Labels
    grid: CoarseGrid
    coarse_labels: Labels
    airways: Mask
    cavity: Cavity
    gas: Gas


def find_lungs(volume: CtVolume, *, threads: int = 2) -> LungMasks:
    """Find both lungs.

    Raises
    ------
    CtRefusedError
        If there are no lungs in the volume.
    """
    grid = reduce_volume(volume)
    return find_lungs_on(grid, air_inside(grid), volume, threads=threads)


def find_lungs_on(grid: CoarseGrid, air: Mask, volume: CtVolume, *, threads: int = 2) -> LungMasks:
    """Find both lungs of a volume by its coarse grid and the ``air`` inside the body on it.

    Raises
    ------
    CtRefusedError
        If there are no lungs in the volume.
    """
    airways = find_airways(grid, air)
    gas = find_gas(grid, air, airways)
    aerated = separate(grid, air & ~airways & ~gas.mask, left_is_high=volume.geometry.left_is_high)
    either = aerated[0] | aerated[1]
    if np.count_nonzero(either) * grid.voxel_ml < LEAST_LUNGS_ML:
        detail = (
            f"less than {LEAST_LUNGS_ML:g} ml of aerated lung found: these are no slices of a "
            "chest, or the lungs hold hardly any air"
        )
        raise CtRefusedError(CtRefusalReason.NO_LUNGS, detail)
    closed = close_lungs(aerated, airways | gas.mask, grid)
    hilum = find_hilum(closed, either, airways, gas.cavities, grid)
    lungs = closed.right & ~hilum, closed.left & ~hilum
    cavity = find_cavity(
        grid,
        lungs,
        airways,
        gas.mask,
        left_is_high=volume.geometry.left_is_high,
        back_is_high=volume.geometry.back_is_high,
    )
    cavity = _without_cut_off(cavity, lungs, grid)
    coarse = np.where(lungs[0] | cavity.right, RIGHT, 0).astype(np.uint8)
    coarse[lungs[1] | cavity.left] = LEFT
    excluded = (airways | hilum | gas.mask) & (coarse == 0)
    dense = (coarse > 0) & ~either
    outline = _Outline(grid=grid, lungs=coarse, dense=dense, excluded=excluded)
    labels = _refine(volume, outline, threads)
    return LungMasks(
        labels=labels, grid=grid, coarse_labels=coarse, airways=airways, cavity=cavity, gas=gas
    )


def _without_cut_off(cavity: Cavity, lungs: tuple[Mask, Mask], grid: CoarseGrid) -> Cavity:
    """Without airless parts beside the image's sides, where these cut off the same aerated lung.

    There are no ribs to look for lung within.
    """
    beside = dilate(unseen(grid), BESIDE, grid.spacing)
    kept = []
    for airless, lung in zip((cavity.right, cavity.left), lungs, strict=True):
        cut = np.count_nonzero(lung & beside) * grid.voxel_ml >= CUT_ML
        parts, count = ndimage.label(airless & bool(cut))
        near = np.zeros(count + 1, bool)
        near[parts[beside]] = True
        near[0] = False
        kept.append(airless & ~near[parts])
    return replace(cavity, right=kept[0], left=kept[1])


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Outline:
    """What full resolution needs of the coarse grid.

    The lungs, the dense parts over which they were closed, and what is no lung whatever its values.
    """

    grid: CoarseGrid
    lungs: Labels
    dense: Mask
    excluded: Mask


def _refine(volume: CtVolume, outline: _Outline, threads: int) -> Labels:
    """Draw the borders at full resolution.

    Away from the border the coarse mask stands. Near it the volume's own values decide, except
    where the mask was closed over something dense.
    """
    labels = np.zeros(volume.hounsfield.shape, np.uint8)
    reach = max(1, round(outline.grid.spacing[1] / volume.geometry.spacing[1]))
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))

    def draw(index: int) -> None:
        at = outline.grid.coarse_slice(index)
        if outline.lungs[at].any():
            labels[index] = _draw(volume.hounsfield[index], outline, at, np.asarray(brush))

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(draw, range(len(labels))))
    labels.flags.writeable = False
    return labels


def _draw(plane: Hounsfield, outline: _Outline, at: int, brush: Labels) -> Labels:
    shape = (plane.shape[0], plane.shape[1])
    lung = np.asarray(cv2.blur(plane, (3, 3))) < LUNG_WALL
    if outline.dense[at].any():
        lung |= enlarge(outline.dense[at], shape)
    if outline.excluded[at].any():
        lung &= ~enlarge(outline.excluded[at], shape)
    drawn = np.zeros(shape, np.uint8)
    for side in (RIGHT, LEFT):
        mine = outline.lungs[at] == side
        if mine.any():
            whole = enlarge(mine, shape).view(np.uint8)
            wide, core = cv2.dilate(whole, brush) > 0, cv2.erode(whole, brush) > 0
            drawn[(drawn == 0) & (core | (wide & lung))] = side
    return drawn
