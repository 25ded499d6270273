"""Lung without air: consolidation, collapse, masses and fluid in the pleural space.

They have no contrast to the chest wall, liver or heart as aerated lung has, so that a threshold
loses them. First it is asked where lung is to be expected and isn't aerated: beside the ribs, away
from the mediastinum, above the diaphragm (`expected_lung`). If nothing of it is dense, as in
healthy chests, nothing is added. Otherwise a random walker parts the dense voxels inside the ribs
between these places and what is surely something else: mediastinum, heart, abdomen, fat, bone. It
keeps to edges, such as the fat along diaphragm and pericardium, and to what densities tell.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.ct.expected_lung import (
    DENSE,
    Half,
    beyond_section,
    expected_lung,
    halves,
    lung_by_place,
)
from ai_engine.ct.morphology import Mask, remove_thin
from ai_engine.ct.random_walker import Walk, random_walk
from ai_engine.ct.thorax import Thorax

FAT = (-140, -25)
"""Hounsfield units of fat, smoothed."""

SUSPECT_RADIUS = 4.1
SUSPECT_ML = 3.0
"""Thickness (mm of radius) and volume from which a dense place is more than vessels."""

CONTRAST = 14.0
"""Hounsfield units between neighbours that make a step of the walker unlikely."""

WEIGHT = 0.06
"""What a voxel's own density counts beside a step's one."""

OUTSIDE = -2.0
"""mm from the pleura outwards from which nothing is lung."""

LIMITS = (-150.0, 200.0)
"""Hounsfield units that values are clipped to before edges are looked at."""

BINS = np.linspace(-160.0, 210.0, 75)

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Airless:
    """The airless parts of the right and the left lung: probabilities on the thorax's grid.

    ``ends`` say whether the aerated right and left lung end at a level, as no diaphragm does.
    """

    right: Floats
    left: Floats
    ends: tuple[bool, bool]

    @property
    def parts(self) -> tuple[Floats, Floats]:
        """Right and left."""
        return self.right, self.left


def find_airless(thorax: Thorax, aerated: tuple[Mask, Mask], airways: Mask) -> Airless:
    """Find the airless parts of both lungs.

    Parameters
    ----------
    thorax
        The chest's walls.
    aerated
        The aerated right and left lung with the vessels in them.
    airways
        Trachea and main bronchi.
    """
    values = thorax.grid.hounsfield.astype(np.float32)
    smooth = ndimage.gaussian_filter(np.clip(values, *LIMITS), 0.6)
    either = aerated[0] | aerated[1]
    dense = (values > DENSE) & ~either & ~airways
    sides = halves(thorax, aerated, dense)
    ends = sides[0].broken is not None, sides[1].broken is not None
    suspect = [_suspect(expected_lung(half, sides, dense), thorax) for half in sides]
    if not (suspect[0].any() or suspect[1].any()):
        nothing = np.zeros(values.shape, np.float32)
        return Airless(right=nothing, left=nothing, ends=ends)
    ours = suspect[0] | suspect[1]
    theirs = _others(thorax, either, smooth, sides) & ~ours
    free = dense & (sides[0].cavity | sides[1].cavity) & ~theirs
    walk = Walk(
        values=smooth,
        contrast=CONTRAST,
        ours=ours,
        theirs=theirs & dense,
        free=free,
        prior=_prior(smooth, ours, theirs & dense, sides),
        weight=WEIGHT,
    )
    found = random_walk(walk)
    right, left = (_connected(found * half.cavity, ours) for half in sides)
    return Airless(right=right, left=left, ends=ends)


def _suspect(expected_and_dense: Mask, thorax: Thorax) -> Mask:
    """Dense places where lung is expected that are too thick and too large for vessels."""
    grid = thorax.grid
    thick = remove_thin(expected_and_dense, SUSPECT_RADIUS, grid.spacing)
    labels, _ = ndimage.label(thick)
    kept = np.bincount(labels.ravel()) * grid.voxel_ml >= SUSPECT_ML
    kept[0] = False
    return np.asarray(kept[labels])


def _others(thorax: Thorax, aerated: Mask, smooth: Floats, sides: tuple[Half, Half]) -> Mask:
    """What is surely no lung: outside the ribs, mediastinum, heart, abdomen, fat and bone."""
    grid = thorax.grid
    inside = sides[0].cavity | sides[1].cavity
    away = np.broadcast_to(thorax.away, inside.shape)
    central = (away >= -0.06 * thorax.half_width) & (away <= 0.12 * thorax.half_width)
    seeds = ~inside | central | (inside & (np.maximum(sides[0].depth, sides[1].depth) < OUTSIDE))
    seeds |= remove_thin((smooth > FAT[0]) & (smooth < FAT[1]), 3.5, grid.spacing)
    levels = np.arange(inside.shape[0])[:, None, None]
    depth = np.maximum(sides[0].depth, sides[1].depth)
    lowest = np.flatnonzero(aerated.any(axis=(1, 2)))[-1]
    if thorax.carina is not None:
        below = levels - thorax.carina
        bottom = max(thorax.levels(150.0), lowest - thorax.carina + thorax.levels(12.0))
        seeds |= below >= bottom
        seeds |= below <= -thorax.levels(90.0)
        heart = (away >= -0.18 * thorax.half_width) & (away <= 0.35 * thorax.half_width)
        front = ~(sides[0].back | sides[1].back)
        seeds |= (below >= thorax.levels(15.0)) & heart & front
        core = front & (depth >= 0.35 * thorax.half_width)
        seeds |= (below >= thorax.levels(118.0)) & core
    else:
        seeds |= levels >= lowest + thorax.levels(12.0)
    for half in sides:
        seeds |= beyond_section(half)
        if half.dome is not None:
            seeds |= (levels >= half.dome + thorax.levels(14.0)) & half.cavity & half.under_dome
    return seeds & ~aerated


def _prior(smooth: Floats, ours: Mask, theirs: Mask, sides: tuple[Half, Half]) -> Floats:
    """By density and place together (their odds multiply)."""
    right, left = sides
    density = _by_density(smooth, ours, theirs & (right.cavity | left.cavity))
    place = np.where(left.cavity, lung_by_place(left), lung_by_place(right))
    both = density * place
    return np.asarray(both / (both + (1 - density) * (1 - place) + 1e-6), np.float32)


def _by_density(smooth: Floats, ours: Mask, theirs: Mask) -> Floats:
    """Each voxel's probability of our label by the densities of both seeds alone."""
    counts = [np.histogram(smooth[seeds], BINS)[0].astype(np.float64) for seeds in (ours, theirs)]
    shares = [ndimage.gaussian_filter1d(c / max(1.0, c.sum()), 1.0) + 1e-3 for c in counts]
    probability = shares[0] / (shares[0] + shares[1])
    places = np.clip(np.digitize(smooth, BINS) - 1, 0, len(probability) - 1)
    return np.asarray(probability[places], np.float32)


def _connected(found: Floats, seeds: Mask) -> Floats:
    """What hangs together with a seed."""
    labels, count = ndimage.label(found > 0.5)
    kept = np.zeros(count + 1, bool)
    kept[labels[seeds]] = True
    kept[0] = False
    near = ndimage.binary_dilation(kept[labels])
    return np.asarray(found * near, np.float32)
