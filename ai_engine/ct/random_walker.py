"""Random walker segmentation with two labels (Grady, IEEE TPAMI 2006; with priors: CVPR 2005).

Each unknown voxel gets the probability that a walker that starts there, and prefers neighbours of
its own density, reaches a seed of the first label before one of the second. Where density is the
same everywhere, the border lies halfway; where there is an edge, on the edge.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.ct.morphology import Mask

ROUNDS = 120
"""Conjugate gradient steps at most."""

PRECISION = 2e-3
"""Residual, as a part of the first one, at which it stops."""

Field = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Walk:
    """What the walker walks on; all arrays have one shape.

    ``values`` are Hounsfield units, ``contrast`` the difference that makes a step unlikely.
    ``ours`` and ``theirs`` are the seeds; ``free`` is where it may walk besides, all else is
    walled off. ``prior`` is each voxel's own probability of our label, and ``weight`` how much
    that counts beside a step's one.
    """

    values: Field
    contrast: float
    ours: Mask
    theirs: Mask
    free: Mask
    prior: Field
    weight: float


def random_walk(walk: Walk) -> Field:
    """The probability of our label, float32; 0 where nobody walks."""
    inside = walk.ours | walk.theirs | walk.free
    edges = tuple(_edges(walk, inside, axis) for axis in range(3))
    degree = _degree(edges, walk.values.shape) + np.float32(walk.weight)
    free = walk.free & ~walk.ours & ~walk.theirs
    fixed = np.where(walk.ours, np.float32(1.0), np.float32(0.0))
    right = np.where(free, _spread(fixed, edges) + walk.weight * walk.prior, 0).astype(np.float32)
    start = np.where(free, walk.prior, np.float32(0.0)).astype(np.float32)

    def laplacian(field: Field) -> Field:
        return np.where(free, degree * field - _spread(field, edges), np.float32(0.0))

    found = _conjugate_gradient(laplacian, right, start, np.where(free, degree, np.float32(1.0)))
    return np.asarray(np.where(free, found, fixed), np.float32)


def _edges(walk: Walk, inside: Mask, axis: int) -> Field:
    """The weight of the step from each voxel to the next along an axis."""
    low, high = _ahead(axis)
    steps = (walk.values[high] - walk.values[low]) / np.float32(walk.contrast)
    weights = np.exp(-np.square(steps)) + np.float32(1e-3)
    return np.asarray(weights * (inside[low] & inside[high]), np.float32)


def _ahead(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    low, high = [slice(None)] * 3, [slice(None)] * 3
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return tuple(low), tuple(high)


def _spread(field: Field, edges: tuple[Field, ...]) -> Field:
    """The weighted sum of each voxel's neighbours."""
    total = np.zeros_like(field)
    for axis, weights in enumerate(edges):
        low, high = _ahead(axis)
        total[low] += weights * field[high]
        total[high] += weights * field[low]
    return total


def _degree(edges: tuple[Field, ...], shape: tuple[int, ...]) -> Field:
    return _spread(np.ones(shape, np.float32), edges)


def _conjugate_gradient(apply, right: Field, start: Field, diagonal: Field) -> Field:  # type: ignore[no-untyped-def]
    """Solve by conjugate gradients, preconditioned with the diagonal."""
    found = start.copy()
    residual = right - apply(found)
    towards = residual / np.maximum(diagonal, 1e-6)
    direction, energy = towards, float(np.vdot(residual, towards))
    goal = energy * PRECISION**2
    for _ in range(ROUNDS):
        if energy <= goal or energy <= 1e-12:
            break
        image = apply(direction)
        step = np.float32(energy / float(np.vdot(direction, image)))
        found += step * direction
        residual = residual - step * image
        towards = residual / np.maximum(diagonal, 1e-6)
        before, energy = energy, float(np.vdot(residual, towards))
        direction = towards + np.float32(energy / before) * direction
    return found
