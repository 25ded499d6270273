"""Chest CTs with lesions drawn into them, for networks where nobody has drawn masks of real ones.

What is drawn has a known outline, and looks only as much like disease as what is written here:
ground glass and consolidation of irregular shape, rather in the mantle than at the hilum, and
round nodules. What tempts a threshold and is no lesion is drawn as well, and belongs to no mask:
haze that grows towards the back, lungs that hold less air, noise, softer kernels.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt, gaussian_filter

from ai_engine.ct.morphology import Mask

FloatArray = npt.NDArray[np.float32]
Spacing = tuple[float, float, float]

AIR, DENSEST = -1000.0, 100.0
"""Hounsfield units of what lung tissue is counted as between."""

LEAST_CHANGE = 80.0
"""HU by which a voxel must have changed to belong to a lesion: vessels in it keep their density."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LesionKind:
    """What a lesion may be like: radii in mm, density in HU, how ragged and soft its border is."""

    radii: tuple[float, float]
    hounsfield: tuple[float, float]
    ragged: float
    soft: float
    texture: float
    share: float


KINDS = (
    LesionKind(
        radii=(8, 40), hounsfield=(-680, -350), ragged=0.45, soft=0.35, texture=70, share=0.55
    ),
    LesionKind(radii=(8, 35), hounsfield=(-150, 60), ragged=0.45, soft=0.12, texture=60, share=0.3),
    LesionKind(radii=(4, 14), hounsfield=(-60, 80), ragged=0.12, soft=0.1, texture=20, share=0.15),
)
"""Ground glass, consolidation, nodules."""

MOST_LESIONS = 9


def with_lesions(
    hounsfield: npt.NDArray[np.int16], lungs: Mask, spacing: Spacing, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int16], Mask]:
    """A volume with lesions, and where they are.

    Parameters
    ----------
    hounsfield, lungs
        (slices, rows, columns), rows from front to back, head first.
    spacing
        mm along each of them.

    Returns
    -------
    tuple
        The changed volume, int16, and the lesions' mask, bool of the same shape.
    """
    values = hounsfield.astype(np.float32)
    values = _breathed(values, lungs, rng)
    depth = distance_transform_edt(lungs, sampling=spacing).astype(np.float32)
    changed, mask = values.copy(), np.zeros(lungs.shape, bool)
    canvas = _Canvas(before=values, changed=changed, mask=mask, depth=depth, spacing=spacing)
    for _ in range(int(rng.integers(1, MOST_LESIONS + 1))):
        kind = KINDS[int(rng.choice(len(KINDS), p=[one.share for one in KINDS]))]
        _draw(canvas, kind, rng)
    changed = _scanned(changed, rng)
    return np.clip(np.rint(changed), -1024, 3071).astype(np.int16), mask


def without_lesions(
    hounsfield: npt.NDArray[np.int16], lungs: Mask, rng: np.random.Generator
) -> npt.NDArray[np.int16]:
    """The same volume with what tempts only."""
    values = _scanned(_breathed(hounsfield.astype(np.float32), lungs, rng), rng)
    return np.clip(np.rint(values), -1024, 3071).astype(np.int16)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Canvas:
    """A volume that lesions are drawn into: as it was, as it becomes, and where lesions are.

    ``depth`` is mm from the lungs' border, 0 outside.
    """

    before: FloatArray
    changed: FloatArray
    mask: Mask
    depth: FloatArray
    spacing: Spacing


def _draw(canvas: _Canvas, kind: LesionKind, rng: np.random.Generator) -> None:
    """Draw one lesion, in the box that holds it alone."""
    depth, spacing = canvas.depth, canvas.spacing
    radii = np.exp(rng.uniform(*np.log(kind.radii))) * np.exp(rng.normal(0, 0.25, 3))
    middle = _place(depth, float(radii.min()), rng)
    if middle is None:
        return
    reach = [int(np.ceil(1.9 * radius / step)) for radius, step in zip(radii, spacing, strict=True)]
    box = tuple(
        slice(max(at - far, 0), at + far + 1) for at, far in zip(middle, reach, strict=True)
    )
    lung = depth[box] > 0
    axes = np.ogrid[tuple(slice(0, side) for side in lung.shape)]
    distance = np.sqrt(
        sum(
            ((axis - (at - part.start)) * step / radius) ** 2
            for axis, at, part, step, radius in zip(axes, middle, box, spacing, radii, strict=True)
        )
    )
    level = 1 - distance + kind.ragged * _field(lung.shape, spacing, float(radii.min()) / 2.5, rng)
    alpha = np.clip(level / kind.soft + 0.5, 0, 1) * lung
    target = rng.uniform(*kind.hounsfield) + kind.texture * _field(lung.shape, spacing, 3.0, rng)
    before = canvas.changed[box]
    lesion = before + alpha * np.clip(target - before, 0, None)
    canvas.changed[box] = lesion
    canvas.mask[box] |= (alpha >= 0.5) & (lesion - canvas.before[box] >= LEAST_CHANGE)


def _place(
    depth: FloatArray, radius: float, rng: np.random.Generator
) -> tuple[int, int, int] | None:
    """A voxel of the lungs, rather in the mantle and rather at the back; None without lungs."""
    places = np.flatnonzero((depth > 0) & (depth < max(3 * radius, 25)))
    if not len(places):
        return None
    chosen = rng.choice(places, size=min(4, len(places)))
    rows = np.unravel_index(chosen, depth.shape)
    pick = int(np.argmax(rows[1])) if rng.random() < 0.5 else 0
    return int(rows[0][pick]), int(rows[1][pick]), int(rows[2][pick])


def _field(
    shape: tuple[int, ...], spacing: Spacing, scale: float, rng: np.random.Generator
) -> FloatArray:
    """A smooth random field of unit variance; ``scale`` in mm."""
    sigma = [max(scale / step, 0.3) for step in spacing]
    made = gaussian_filter(rng.standard_normal(shape).astype(np.float32), sigma)
    return np.asarray(made / max(float(made.std()), 1e-6), dtype=np.float32)


def _breathed(values: FloatArray, lungs: Mask, rng: np.random.Generator) -> FloatArray:
    """Lungs that hold less or more air, and haze that grows towards the back."""
    tissue = lungs & (values < -500)
    where = np.flatnonzero(lungs.any(axis=(0, 2)))
    if not len(where):
        return values
    rows = np.arange(values.shape[1], dtype=np.float32)
    back = np.clip((rows - where[0]) / max(int(where[-1] - where[0]), 1), 0, 1)[None, :, None]
    haze = rng.uniform(-40, 70) + rng.uniform(0, 160) * back**2
    return np.where(tissue, values + haze, values).astype(np.float32)


def _scanned(values: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Noise and kernel of a scanner."""
    noisy = values + rng.normal(0, rng.uniform(0, 45), values.shape).astype(np.float32)
    blur = rng.uniform(0, 0.8)
    return np.asarray(gaussian_filter(noisy, (0, blur, blur)), dtype=np.float32)
