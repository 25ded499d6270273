"""The regions of an inhomogeneity mask, and the pattern of each of its voxels."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.ct.grid import CoarseGrid, reduce_mask
from ai_engine.ct.inhomogeneity import is_small
from ai_engine.ct.lungs import LEFT, RIGHT, Labels, LungMasks
from ai_engine.ct.morphology import Mask
from ai_engine.ct.patterns import decide, describe, part_regions
from ai_engine.ct.results import CtFinding, Pattern, Side
from ai_engine.ct.volume import VolumeGeometry

LABELS = {pattern: number for number, pattern in enumerate(Pattern, start=1)}
"""What a pattern's voxels hold in `Regions.labels`."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Regions:
    """The regions found, the largest first, and ``labels``: the mask with each voxel's pattern.

    ``labels`` is uint8 (slices, rows, columns), 0 outside the mask, else as in `LABELS`.
    """

    findings: tuple[CtFinding, ...]
    labels: Labels


def find_regions(geometry: VolumeGeometry, lungs: LungMasks, mask: Mask) -> Regions:
    """Part the mask into regions, lung by lung, and decide each one's pattern.

    Regions are found and measured on the coarse grid; what the mask has besides is crumbs smaller
    than half a coarse voxel, and is left out.
    """
    coarse = reduce_mask(mask, lungs.grid)
    patterns = np.zeros(coarse.shape, np.uint8)
    findings: list[CtFinding] = []
    for side, label in ((Side.RIGHT, RIGHT), (Side.LEFT, LEFT)):
        lung = lungs.coarse_labels == label
        numbers = part_regions(coarse & lung, lungs.grid)
        for region in _each(numbers):
            finding = _finding(side, region, lungs, geometry)
            patterns[region] = LABELS[finding.pattern]
            findings.append(finding)
    findings.sort(key=lambda finding: (-finding.volume_ml, finding.slices, finding.centre))
    return Regions(findings=tuple(findings), labels=_spread(patterns, mask, lungs.grid))


def _each(numbers: npt.NDArray[np.int32]) -> Iterator[Mask]:
    for number, place in enumerate(ndimage.find_objects(numbers), start=1):
        region = np.zeros(numbers.shape, bool)
        region[place] = numbers[place] == number
        yield region


def _finding(side: Side, region: Mask, lungs: LungMasks, geometry: VolumeGeometry) -> CtFinding:
    grid = lungs.grid
    inside = lungs.coarse_labels > 0
    shape = describe(region, inside, grid)
    own = RIGHT if side is Side.RIGHT else LEFT
    lung_ml = float(np.count_nonzero(lungs.coarse_labels == own)) * grid.voxel_ml
    first, last, largest = _levels(region, grid, geometry)
    return CtFinding(
        pattern=decide(shape, small_lung=is_small(side, lungs)),
        side=side,
        volume_ml=shape.volume_ml,
        percentage=100.0 * shape.volume_ml / lung_ml,
        mean_hounsfield=shape.mean_hounsfield,
        slices=(first, last),
        largest_slice=largest,
        centre=_centre(region, grid, geometry),
    )


def _levels(region: Mask, grid: CoarseGrid, geometry: VolumeGeometry) -> tuple[int, int, int]:
    """First, last and largest slice of the volume, counted from 1."""
    areas = np.count_nonzero(region, axis=(1, 2))
    levels = np.flatnonzero(areas)
    each, count = grid.slices_each, geometry.shape[0]
    first, last = int(levels[0]) * each + 1, min((int(levels[-1]) + 1) * each, count)
    return first, last, min(int(areas.argmax()) * each + (each + 1) // 2, count)


def _centre(region: Mask, grid: CoarseGrid, geometry: VolumeGeometry) -> tuple[float, float, float]:
    """The mean of the region's voxels in patient coordinates; edges of both grids coincide."""
    level, row, column = np.argwhere(region).mean(axis=0) + 0.5
    index = min(int(level * grid.slices_each), geometry.shape[0] - 1)
    down = row * grid.spacing[1] / geometry.spacing[1] - 0.5
    across = column * grid.spacing[2] / geometry.spacing[2] - 0.5
    return geometry.place(index, down, across)


def _spread(patterns: Labels, mask: Mask, grid: CoarseGrid) -> Labels:
    """The coarse patterns on the mask's own grid, one coarse voxel beyond their regions."""
    labels = np.zeros(mask.shape, np.uint8)
    for index in np.flatnonzero(mask.any(axis=(1, 2))):
        at = grid.coarse_slice(int(index))
        if patterns[at].any():
            wider = np.where(patterns[at], patterns[at], cv2.dilate(patterns[at], np.ones((3, 3))))
            size = (mask.shape[2], mask.shape[1])
            labels[index] = cv2.resize(wider, size, interpolation=cv2.INTER_NEAREST) * mask[index]
    return labels
