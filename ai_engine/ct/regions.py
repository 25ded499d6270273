"""The regions of an inhomogeneity mask, and the pattern of each of its voxels."""

from dataclasses import dataclass

import cv2
import numpy as np

from ai_engine.ct.counting import pairs
from ai_engine.ct.grid import CoarseGrid, reduce_mask
from ai_engine.ct.inhomogeneity import is_small
from ai_engine.ct.lungs import LEFT, RIGHT, Labels, LungMasks
from ai_engine.ct.morphology import Mask
from ai_engine.ct.patterns import Region, decide, describe, each_region, part_regions
from ai_engine.ct.results import CtFinding, Pattern, PatternMeasurement, Side
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
    than half a coarse voxel or than `patterns.SMALLEST_ML`, and is left out.
    """
    coarse = reduce_mask(mask, lungs.grid)
    patterns = np.zeros(coarse.shape, np.uint8)
    findings: list[CtFinding] = []
    for side, label in ((Side.RIGHT, RIGHT), (Side.LEFT, LEFT)):
        numbers = part_regions(coarse & (lungs.coarse_labels == label), lungs.grid)
        place = _Place(lungs=lungs, geometry=geometry, side=side, small=is_small(side, lungs))
        for region in each_region(numbers, lungs.grid):
            finding = _finding(region, place)
            patterns[region.place][region.mask] = LABELS[finding.pattern]
            findings.append(finding)
    findings.sort(key=lambda finding: (-finding.volume_ml, finding.slices, finding.centre))
    return Regions(findings=tuple(findings), labels=_spread(patterns, mask, lungs.grid))


def measure_patterns(
    geometry: VolumeGeometry, lungs: LungMasks, regions: Regions
) -> tuple[PatternMeasurement, ...]:
    """How much of each lung and of both shows each pattern that was found."""
    counts = pairs(lungs.labels, LEFT, regions.labels, len(LABELS))
    rows = {Side.RIGHT: counts[RIGHT], Side.LEFT: counts[LEFT]}
    rows[Side.BOTH] = rows[Side.RIGHT] + rows[Side.LEFT]
    return tuple(
        PatternMeasurement(
            pattern=pattern,
            side=side,
            volume_ml=float(row[label]) * geometry.voxel_ml,
            percentage=100.0 * float(row[label]) / float(row.sum()),
            regions=sum(
                finding.pattern is pattern and side in (finding.side, Side.BOTH)
                for finding in regions.findings
            ),
        )
        for pattern, label in LABELS.items()
        for side, row in rows.items()
        if row[label]
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Place:
    """Where regions are: in which lung, on which grids."""

    lungs: LungMasks
    geometry: VolumeGeometry
    side: Side
    small: bool


def _finding(region: Region, place: _Place) -> CtFinding:
    grid = place.lungs.grid
    shape = describe(region, place.lungs.coarse_labels, grid)
    first, last, largest = _levels(region, grid, place.geometry)
    return CtFinding(
        pattern=decide(shape, small_lung=place.small),
        side=place.side,
        volume_ml=shape.volume_ml,
        mean_hounsfield=shape.mean_hounsfield,
        slices=(first, last),
        largest_slice=largest,
        centre=_centre(region, grid, place.geometry),
    )


def _levels(region: Region, grid: CoarseGrid, geometry: VolumeGeometry) -> tuple[int, int, int]:
    """First, last and largest slice of the volume, counted from 1."""
    levels, areas = np.unique(region.voxels[:, 0], return_counts=True)
    each, count = grid.slices_each, geometry.shape[0]
    first, last = int(levels[0]) * each + 1, min((int(levels[-1]) + 1) * each, count)
    largest = int(levels[areas.argmax()]) * each + (each + 1) // 2
    return first, last, min(largest, count)


def _centre(
    region: Region, grid: CoarseGrid, geometry: VolumeGeometry
) -> tuple[float, float, float]:
    """The mean of the region's voxels in patient coordinates; edges of both grids coincide."""
    level, row, column = region.voxels.mean(axis=0) + 0.5
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
