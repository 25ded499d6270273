"""CT slices with the masks that were drawn on them, and varied pairs of both (paper 5)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.ct.dataset import MosMedStudy, load_lungs, load_mask, load_volume
from ai_engine.ct.morphology import Mask
from ai_engine.ct.xnet_source import network_input
from ai_engine.errors import DatasetError
from ai_engine.training.image_batches import epoch_order
from ai_engine.training.recipe import Augmentation, Recipe

FloatArray = npt.NDArray[np.float32]
Plane = npt.NDArray[np.generic]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MaskedSlices:
    """All slices of one study on the network's grid.

    ``images`` are float16 (slices, size, size), 0 to 1; ``masks`` and ``lungs`` uint8 of the same
    shape, 0 or 1, ``lungs`` None where none lie beside the study.
    """

    study: str
    images: npt.NDArray[np.float16]
    masks: npt.NDArray[np.uint8]
    lungs: npt.NDArray[np.uint8] | None = None
    source: str = ""
    patient: str = ""


def load_slices(study: MosMedStudy, size: int) -> MaskedSlices:
    """Read a study and its mask, as the network sees them when it is served.

    Raises
    ------
    DatasetError
        If a file can't be read, or the mask is not of the study's size.
    """
    volume, mask, lungs = load_volume(study), load_mask(study), load_lungs(study)
    shape = volume.hounsfield.shape
    if mask is None or mask.shape != shape:
        raise DatasetError(f"{study.mask_path}: not the size of its study; fetch both again")
    if lungs is not None and lungs.shape != shape:
        raise DatasetError(f"{study.lungs_path}: not the size of its study; make the set again")
    images = [network_input(plane, size)[..., 0] for plane in volume.hounsfield]
    return MaskedSlices(
        study=study.name,
        images=np.stack(images).astype(np.float16),
        masks=_on_grid(mask, size),
        lungs=None if lungs is None else _on_grid(lungs, size),
        source=study.source,
        patient=study.patient,
    )


def _on_grid(mask: Mask, size: int) -> npt.NDArray[np.uint8]:
    planes = [
        cv2.resize(plane.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA) >= 0.5
        for plane in mask
    ]
    return np.stack(planes).astype(np.uint8)


def slice_batches(
    slices: Sequence[MaskedSlices], recipe: Recipe, epoch: int
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """One epoch's batches: slices and masks, float32 (n, size, size, 1) each, moved alike."""
    rng = np.random.default_rng((recipe.seed, epoch, 1))
    places = [(study, index) for study in slices for index in range(len(study.images))]
    for chosen in epoch_order(len(places), recipe, epoch):
        pairs = [
            varied_pair(study.images[index], study.masks[index], recipe.augmentation, rng)
            for study, index in (places[place] for place in chosen)
        ]
        if recipe.patch:
            pairs = [patch_of(*pair, recipe.patch, rng) for pair in pairs]
        images, masks = (np.stack(one)[..., np.newaxis] for one in zip(*pairs, strict=True))
        yield images, masks


def patch_of(
    image: FloatArray, mask: FloatArray, side: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """The same square part of a slice and of its mask."""
    top, left = (int(rng.integers(0, length - side + 1)) for length in image.shape)
    part = np.s_[top : top + side, left : left + side]
    return image[part], mask[part]


def varied_pair(
    image: Plane, mask: Plane, settings: Augmentation, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """A slice and its mask, cropped, turned and shifted alike; what comes in from outside is air.

    ``zoom`` is the largest logarithm by which a crop is enlarged: a crop never shrinks.
    """
    size = image.shape[0]
    middle = (size - 1) / 2
    scale = float(np.exp(rng.uniform(0, 1) * settings.zoom))
    angle = float(rng.uniform(-1, 1) * settings.rotation)
    matrix = cv2.getRotationMatrix2D((middle, middle), angle, scale)
    matrix[:, 2] += rng.uniform(-1, 1, 2) * settings.shift * size
    shape = (size, size)
    moved = cv2.warpAffine(image.astype(np.float32), matrix, shape, flags=cv2.INTER_LINEAR)
    drawn = cv2.warpAffine(mask.astype(np.float32), matrix, shape, flags=cv2.INTER_NEAREST)
    return np.asarray(moved, np.float32), np.asarray(drawn, np.float32)
