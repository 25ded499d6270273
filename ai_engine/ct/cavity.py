"""Both lungs with their airless parts, on the coarse grid."""

from dataclasses import dataclass, replace

import numpy as np

from ai_engine.ct.airless import find_airless
from ai_engine.ct.expected_lung import DENSE, rib_distance
from ai_engine.ct.gas import THICK
from ai_engine.ct.grid import CoarseGrid, Field, enlarge_field, reduce_grid, reduce_grid_mask
from ai_engine.ct.morphology import Mask, close_gaps, dilate, remove_thin
from ai_engine.ct.thorax import Thorax, find_thorax

AIRLESS = -250
"""Hounsfield units from which a voxel of 2 mm may be airless lung."""

GAP = 4.0
THIN = 3.1
"""mm: radius of the gaps closed between aerated and airless lung, and of what is too thin."""

INSIDE = 0.42
"""Interpolated probability from which a voxel is inside: half way, less what walls take on a grid
of 4 mm."""

TOUCHED = 0.25
"""Least interpolated probability of what is added: less comes from the aerated lung beside it."""


LASTING = 0.5
"""Part of an airless part that the second sampling must have."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Cavity:
    """The airless parts of the right and the left lung on the coarse grid, and the chest's walls.

    ``thorax`` is on its own grid, turned so that columns grow to the left and rows to the back;
    ``lungs`` are the right and the left one on that grid, airless parts included.
    ``rinds`` are mm between the ribs and the aerated right and left lung, the usual distance;
    ``ends`` say whether these end at a level, as no diaphragm does.
    ``is_unsure`` where something dense was seen in one sampling of thick slices and not in the
    other; it is not among the airless parts.
    """

    right: Mask
    left: Mask
    thorax: Thorax
    lungs: tuple[Mask, Mask]
    rinds: tuple[float, float]
    ends: tuple[bool, bool]
    is_unsure: bool


def find_cavity(
    grid: CoarseGrid,
    lungs: tuple[Mask, Mask],
    airways: Mask,
    gas: Mask,
    *,
    left_is_high: bool,
    back_is_high: bool,
) -> Cavity:
    """Find what of the lungs is airless.

    Parameters
    ----------
    grid
        The coarse grid.
    lungs
        The right and the left lung with the vessels in them, as far as they are aerated.
    airways
        Trachea and main bronchi: where these part is known by them alone.
    gas
        What is no lung and no airway either.
    left_is_high, back_is_high
        Whether columns grow to the patient's left, and rows to the back.
    """
    rows, columns = (
        slice(None, None, 1 if is_high else -1) for is_high in (back_is_high, left_is_high)
    )
    turned = (slice(None), rows, columns)
    chest = reduce_grid(grid)
    chest = replace(chest, hounsfield=np.ascontiguousarray(chest.hounsfield[turned]))
    small = [np.ascontiguousarray(reduce_grid_mask(lung, grid)[turned]) for lung in lungs]
    tubes, hollow = (
        np.ascontiguousarray(reduce_grid_mask(each, grid, 0.3)[turned])
        for each in (airways, airways | gas)
    )
    thorax = find_thorax(chest, (small[0], small[1]), tubes)
    airless = find_airless(thorax, (small[0], small[1]), hollow)
    seen = airless.parts
    sure = (True, True)
    if grid.spacing[0] > THICK and any((part > 0.5).any() for part in seen):
        sure = _seen_again(seen, chest, (small[0], small[1]), tubes, hollow)
    found = [
        part if is_sure else np.zeros_like(part) for part, is_sure in zip(seen, sure, strict=True)
    ]
    free = ~(lungs[0] | lungs[1] | airways | gas)
    back = _Back(grid=grid, chest=chest, turned=turned, free=free)
    right, left = (back.bring(*each) for each in zip(found, small, lungs, strict=True))
    rinds = rib_distance(thorax, small[0], 0), rib_distance(thorax, small[1], 1)
    return Cavity(
        right=right,
        left=left & ~right,
        thorax=thorax,
        lungs=(small[0] | (found[0] > INSIDE), small[1] | (found[1] > INSIDE)),
        rinds=rinds,
        ends=airless.ends,
        is_unsure=not all(sure),
    )


def _seen_again(
    seen: tuple[Field, Field],
    chest: CoarseGrid,
    lungs: tuple[Mask, Mask],
    airways: Mask,
    hollow: Mask,
) -> tuple[bool, bool]:
    """Whether each lung's airless part is there, too, half way between the slices.

    Partial volume of diaphragm and heart in thick slices is one or the other by chance.
    """
    values = chest.hounsfield.astype(np.float32)
    middle = replace(chest, hounsfield=((values[:-1] + values[1:]) / 2).astype(np.int16))

    def halfway(mask: Mask) -> Mask:
        either, both = mask[:-1] | mask[1:], mask[:-1] & mask[1:]
        return np.asarray(both | (either & (middle.hounsfield < DENSE)))

    aerated = halfway(lungs[0]), halfway(lungs[1])
    thorax = find_thorax(middle, aerated, halfway(airways))
    again = find_airless(thorax, aerated, halfway(hollow)).parts
    right, left = (
        np.count_nonzero(second > 0.5) >= LASTING * np.count_nonzero(first > 0.5)
        for first, second in zip(seen, again, strict=True)
    )
    return bool(right), bool(left)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Back:
    """The way back to the coarse grid; ``free`` is what neither lung nor airways have taken."""

    grid: CoarseGrid
    chest: CoarseGrid
    turned: tuple[slice, slice, slice]
    free: Mask

    def bring(self, part: Field, own: Mask, lung: Mask) -> Mask:
        """One lung's airless part; ``own`` and ``lung`` are its aerated one on both grids."""
        if not (part > 0.5).any():
            return np.zeros_like(lung)
        whole = self._enlarged(np.maximum(part, own).astype(np.float32)) > INSIDE
        airless = whole & self.free & (self._enlarged(part) > TOUCHED)
        airless = remove_thin(airless & (self.grid.hounsfield > AIRLESS), THIN, self.grid.spacing)
        if not airless.any():
            return airless
        around = lung & dilate(airless, 2 * GAP, self.grid.spacing)
        return close_gaps(airless | around, GAP, self.grid.spacing) & self.free

    def _enlarged(self, field: Field) -> Field:
        return enlarge_field(np.ascontiguousarray(field[self.turned]), self.chest, self.grid)
