"""Random variation of training images, as cheap as a training step on few cores needs it.

The starting point is the view that serving builds (`ai_engine.preprocessing.geometry.letterbox`):
without variation both give the same picture, whatever lies around the content.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.inference.input_channels import stacked
from ai_engine.prediction import Region
from ai_engine.preprocessing.geometry import FloatImage, Mask, standardize
from ai_engine.training.channel_planes import Planes, as_values
from ai_engine.training.recipe import Augmentation
from ai_engine.training.shown_content import Matrix, cut, reduced, reduction, warped

ByteImage = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sample:
    """One image in memory: uint8 (rows, columns), the exposed part of it, its further channels."""

    image: ByteImage
    content: Region
    planes: Planes = field(default_factory=dict)

    def reduced(self, size: int) -> "Sample":
        """The same with no more pixels than views of the given size can use."""
        factor = reduction(self.image.shape, size)
        if factor == 1.0:
            return self
        image, content = reduced(self.image, self.content, factor)
        planes = {
            kind: reduced(plane, self.content, factor)[0] for kind, plane in self.planes.items()
        }
        return Sample(image=image, content=content, planes=planes)

    def shown(self, size: int) -> "Sample":
        """The content alone, with no more pixels than views of the given size can use."""
        image, content = cut(self.image, self.content)
        planes = {kind: cut(plane, self.content)[0] for kind, plane in self.planes.items()}
        return Sample(image=image, content=content, planes=planes).reduced(size)


def augmented_view(
    sample: Sample, *, size: int, settings: Augmentation, rng: np.random.Generator
) -> FloatImage:
    """A varied, standardised view: float32 (size, size)."""
    matrix = random_affine(sample.content, size, settings, rng)
    return _varied(sample, matrix, settings, rng, size)[0]


def augmented_image(
    sample: Sample,
    *,
    size: int,
    settings: Augmentation,
    rng: np.random.Generator,
    ranks: bool = False,
) -> FloatImage:
    """A varied view with its further channels: float32 (size, size, channels).

    They are moved with the radiograph; its grey values alone are varied. ``ranks`` are those of the
    varied view.
    """
    matrix = random_affine(sample.content, size, settings, rng)
    values, mask = _varied(sample, matrix, settings, rng, size)
    moved = {
        kind: as_values(warped(plane, sample.content, matrix, size)[0])
        for kind, plane in sample.planes.items()
    }
    return stacked(values, mask, moved, ranks=ranks)


def _varied(
    sample: Sample,
    matrix: Matrix,
    settings: Augmentation,
    rng: np.random.Generator,
    size: int,
) -> tuple[FloatImage, Mask]:
    moved, mask = warped(sample.image, sample.content, matrix, size)
    values = moved.astype(np.float32) / np.float32(255)
    values = vary_grey_levels(values, mask, settings, rng)
    if rng.random() < settings.blur:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), rng.uniform(0.3, 1.2) * size / 224))
    if settings.noise:
        deviation = rng.uniform(0, settings.noise)
        values = values + rng.standard_normal(values.shape, dtype=np.float32) * np.float32(
            deviation
        )
    values = standardize(values, mask)
    if rng.random() < settings.erase:
        _erase(values, rng)
    return values, mask


def random_affine(
    content: Region, size: int, settings: Augmentation, rng: np.random.Generator
) -> Matrix:
    """The matrix from source to view: letterbox, then flip, turn, stretch and shift."""
    width, height = content.right - content.left, content.bottom - content.top
    scale = size / max(width, height) * np.exp(rng.uniform(-1, 1) * settings.zoom)
    stretch = np.exp(rng.uniform(-1, 1) * settings.aspect)
    angle = np.deg2rad(rng.uniform(-1, 1) * settings.rotation)
    mirror = -1.0 if rng.random() < settings.flip else 1.0
    cosine, sine = np.cos(angle), np.sin(angle)
    linear = np.array([[cosine, -sine], [sine, cosine]]) @ np.diag(
        [scale * stretch * mirror, scale / stretch]
    )
    center = np.array([content.left + content.right, content.top + content.bottom]) / 2
    target = size / 2 + rng.uniform(-1, 1, 2) * settings.shift * size
    # OpenCV counts from pixel centres, regions from pixel edges: half a pixel on either side.
    offset = target - linear @ (center - 0.5) - 0.5
    return np.hstack([linear, offset[:, None]])


def vary_grey_levels(
    values: FloatImage, mask: Mask, settings: Augmentation, rng: np.random.Generator
) -> FloatImage:
    """Vary gamma, and sometimes contrast and level; values (rows, columns) from 0 to 1."""
    gamma = np.float32(np.exp(rng.uniform(-1, 1) * settings.gamma))
    values = values**gamma
    if rng.random() < settings.contrast:
        steepness, level = rng.uniform(1, 5), rng.uniform(0.35, 0.65)
        values = 1 / (1 + np.exp(np.float32(-steepness) * (values - np.float32(level))))
        values = values * mask
    return np.asarray(values, dtype=np.float32)


def _erase(values: FloatImage, rng: np.random.Generator) -> None:
    size = values.shape[0]
    for _ in range(rng.integers(1, 4)):
        height, width = rng.integers(size // 12, size // 4, 2)
        top, left = rng.integers(0, size - height), rng.integers(0, size - width)
        values[top : top + height, left : left + width] = rng.uniform(-1.5, 1.5)
