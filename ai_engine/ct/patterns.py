"""The pattern of each region of inhomogeneity, by simple rules that would rather not decide.

The inhomogeneity mask is parted into dense cores (above −250 HU), the hazy areas beside them, and
what is too small for either. Each region is then held against the rules in `decide`, which follow
the definitions of the Fleischner Society's glossary (Hansell et al., Radiology 2008):

* ground-glass: hazy, with hardly any dense voxels;
* nodule: dense, rounded, 5 to 30 mm, nearly all around it aerated lung;
* atelectasis: dense and plate-like, as discoid atelectasis is;
* consolidation: dense, large, in a lung that hasn't lost volume;
* everything else is not decided: mixed densities, small dense areas beside vessels, and large dense
  areas in a small lung, which may be consolidation or a lobe's atelectasis.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.ct.gas import THICK
from ai_engine.ct.grid import CoarseGrid
from ai_engine.ct.lungs import Labels
from ai_engine.ct.morphology import Mask, dilate, remove_thin
from ai_engine.ct.results import Pattern

DENSE = -250
AERATED = -600
DENSE_CORE = 3.1
HAZY_CORE = 2.2
"""mm: radius of the openings that find dense cores and the hazy areas beside them."""

FEW, MANY = 0.25, 0.6
"""Parts of dense voxels: at most FEW in ground-glass, at least MANY in consolidation."""

HAZIEST = -300
SOLID = -400
"""Mean Hounsfield units that ground-glass stays below and that a solid nodule reaches; small
nodules' mean is lowered by their border."""

NODULE_SIZES = (5.0, 30.0)
ELONGATION = 1.7
SHELL = 4.5
LEAST_AERATED = 0.75
"""Diameters (mm) of a nodule, its greatest length to width, and the part of the shell of SHELL mm
around it that is aerated."""

PLATE = 12.0
FLATNESS = 2.5
"""Thickness (mm) that plate-like atelectasis stays below, and the ratio of its width to it."""

LARGE_ML = 5.0
"""ml from which a dense region may be consolidation: a ball of 21 mm."""

SMALLEST_ML = 0.05
"""ml below which connected voxels are crumbs of a mask rather than regions: a ball of 4.6 mm."""

SMALLEST_THICK_ML = 0.35
"""The same on thick slices, where a vessel's partial volume may look so: a ball of 8.7 mm."""

Numbers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A region's features: ml, Hounsfield units, mm (the axes of its ellipsoid), parts of one."""

    volume_ml: float
    mean_hounsfield: float
    dense_part: float
    axes: tuple[float, float, float]
    aerated_shell: float

    @property
    def diameter(self) -> float:
        """mm: of the ball of the same volume."""
        return float((6000.0 * self.volume_ml / np.pi) ** (1 / 3))


def part_regions(mask: Mask, grid: CoarseGrid) -> Numbers:
    """Number the regions of a mask on the coarse grid from 1; 0 is outside.

    Dense cores and hazy areas are regions of their own; each of the mask's other voxels belongs to
    the nearest of them in the same connected part. Crumbs below SMALLEST_ML, and on
    thick slices what is below SMALLEST_THICK_ML, are left out.
    """
    around = np.ones((3, 3, 3), bool)
    if not mask.any():
        return np.zeros(mask.shape, np.int32)
    smallest = SMALLEST_THICK_ML if grid.thickness > THICK else SMALLEST_ML
    parts, _ = ndimage.label(mask, around)
    dense = remove_thin(mask & (grid.hounsfield > DENSE), DENSE_CORE, grid.spacing)
    hazy = remove_thin(mask & ~dense & (grid.hounsfield <= DENSE), HAZY_CORE, grid.spacing)
    dense_numbers, count = ndimage.label(dense, around)
    hazy_numbers, more = ndimage.label(hazy, around)
    seeds = np.where(hazy_numbers > 0, hazy_numbers + count, dense_numbers)
    regions = np.zeros(mask.shape, np.int32)
    for part, place in enumerate(ndimage.find_objects(parts), start=1):
        mine = parts[place] == part
        if np.count_nonzero(mine) * grid.voxel_ml < smallest:
            continue
        own = np.where(mine, seeds[place], 0)
        regions[place][mine] = _nearest(own, grid)[mine] if own.any() else count + more + part
    return _renumbered(regions)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Region:
    """One region in its part of the coarse grid: ``mask`` is bool of the shape of ``place``."""

    place: tuple[slice, slice, slice]
    mask: Mask

    @property
    def voxels(self) -> npt.NDArray[np.intp]:
        """Where its voxels are on the grid: (n, 3)."""
        starts = np.array([side.start for side in self.place])
        return np.asarray(np.argwhere(self.mask) + starts)


def each_region(numbers: Numbers, grid: CoarseGrid) -> Iterator[Region]:
    """The numbered regions, each with a margin in which its surroundings are seen."""
    margin = [int(np.ceil(SHELL / step)) for step in grid.spacing]
    for number, found in enumerate(ndimage.find_objects(numbers), start=1):
        depth, rows, columns = (
            slice(max(side.start - width, 0), side.stop + width)
            for side, width in zip(found, margin, strict=True)
        )
        place = (depth, rows, columns)
        yield Region(place=place, mask=numbers[place] == number)


def describe(region: Region, lungs: Labels, grid: CoarseGrid) -> Shape:
    """Measure one region; ``lungs`` has the grid's shape and is 0 outside the lungs."""
    inside, values = region.mask, grid.hounsfield[region.place]
    shell = dilate(inside, SHELL, grid.spacing) & ~dilate(inside, SHELL / 2, grid.spacing)
    shell &= lungs[region.place] > 0
    points = np.argwhere(inside) * np.array(grid.spacing)
    return Shape(
        volume_ml=len(points) * grid.voxel_ml,
        mean_hounsfield=float(values[inside].mean()),
        dense_part=float((values[inside] > DENSE).mean()),
        axes=_axes(points, grid),
        aerated_shell=float((values[shell] < AERATED).mean()) if shell.any() else 0.0,
    )


def decide(shape: Shape, *, small_lung: bool) -> Pattern:
    """The pattern of a region; ``small_lung`` says that its lung may have lost volume."""
    if shape.dense_part <= FEW and shape.mean_hounsfield < HAZIEST:
        return Pattern.GROUND_GLASS
    if _is_nodule(shape):
        return Pattern.NODULE
    if shape.dense_part >= MANY:
        long, wide, thin = shape.axes
        if thin <= PLATE and wide >= FLATNESS * thin and long >= FLATNESS * thin:
            return Pattern.ATELECTASIS
        if shape.volume_ml >= LARGE_ML and not small_lung:
            return Pattern.CONSOLIDATION
    return Pattern.UNDECIDED


def _is_nodule(shape: Shape) -> bool:
    return (
        NODULE_SIZES[0] <= shape.diameter <= NODULE_SIZES[1]
        and shape.mean_hounsfield >= SOLID
        and shape.axes[0] <= ELONGATION * shape.axes[2]
        and shape.aerated_shell >= LEAST_AERATED
    )


def _nearest(seeds: npt.NDArray[np.intp], grid: CoarseGrid) -> npt.NDArray[np.intp]:
    places = ndimage.distance_transform_edt(
        seeds == 0, sampling=grid.spacing, return_distances=False, return_indices=True
    )
    return np.asarray(seeds[tuple(places)])


def _renumbered(regions: Numbers) -> Numbers:
    """The same regions, numbered without gaps."""
    present = np.bincount(regions.ravel()) > 0
    present[0] = False
    return np.where(present, np.cumsum(present), 0).astype(np.int32)[regions]


def _axes(points: npt.NDArray[np.float64], grid: CoarseGrid) -> tuple[float, float, float]:
    """Full axes of the ellipsoid with the same second moments, the longest first.

    A voxel's own extent is added to the moments, so that a single voxel isn't flat.
    """
    centred = points - points.mean(axis=0)
    moments = centred.T @ centred / len(points) + np.diag(np.square(grid.spacing)) / 12
    short, middle, long = np.sqrt(5 * np.linalg.eigvalsh(moments)) * 2
    return float(long), float(middle), float(short)
