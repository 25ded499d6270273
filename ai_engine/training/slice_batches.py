"""CT slices with the masks that were drawn on them, and varied pairs of both (paper 5)."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.ct.xnet_source import network_input
from ai_engine.datasets.cxr import Split
from ai_engine.datasets.mosmed import MosMedStudy, load_mask, load_volume
from ai_engine.errors import DatasetError
from ai_engine.training.image_batches import epoch_order
from ai_engine.training.published_recipe import PublishedRecipe
from ai_engine.training.recipe import Augmentation

FloatArray = npt.NDArray[np.float32]
Plane = npt.NDArray[np.generic]

SHARES = (0.8, 0.1)
"""Parts of the studies to train on and to validate with; the rest is tested on (section 5.5)."""

FEWEST = 3
"""Studies that three parts need."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class MaskedSlices:
    """All slices of one study on the network's grid.

    ``images`` are float16 (slices, size, size), 0 to 1; ``masks`` uint8 of the same shape, 0 or 1.
    """

    study: str
    images: npt.NDArray[np.float16]
    masks: npt.NDArray[np.uint8]


def split_studies(studies: Sequence[MosMedStudy]) -> dict[Split, tuple[MosMedStudy, ...]]:
    """The studies with a mask, by part: in the order of a hash of their names, so always the same.

    Raises
    ------
    DatasetError
        If fewer studies have masks than there are parts.
    """
    drawn = [study for study in studies if study.mask_path is not None]
    if len(drawn) < FEWEST:
        where = studies[0].path.parents[2] if studies else "the data set"
        raise DatasetError(
            f"{where}: {len(drawn)} studies have a mask in 'masks', at least {FEWEST} are needed "
            "to train, validate and test; fetch the masks too"
        )
    drawn.sort(key=lambda study: hashlib.sha256(study.name.encode()).digest())
    held_out = [max(1, round(share * len(drawn))) for share in (SHARES[1], 1 - sum(SHARES))]
    last = len(drawn) - held_out[1]
    first = last - held_out[0]
    return {
        Split.TRAIN: tuple(drawn[:first]),
        Split.VALID: tuple(drawn[first:last]),
        Split.TEST: tuple(drawn[last:]),
    }


def load_slices(study: MosMedStudy, size: int) -> MaskedSlices:
    """Read a study and its mask, as the network sees them when it is served.

    Raises
    ------
    DatasetError
        If a file can't be read, or the mask is not of the study's size.
    """
    volume, mask = load_volume(study), load_mask(study)
    if mask is None or mask.shape != volume.hounsfield.shape:
        raise DatasetError(f"{study.mask_path}: not the size of its study; fetch both again")
    images = [network_input(plane, size)[..., 0] for plane in volume.hounsfield]
    shape = (size, size)
    masks = [
        cv2.resize(plane.astype(np.float32), shape, interpolation=cv2.INTER_AREA) >= 0.5
        for plane in mask
    ]
    return MaskedSlices(
        study=study.name,
        images=np.stack(images).astype(np.float16),
        masks=np.stack(masks).astype(np.uint8),
    )


def slice_batches(
    slices: Sequence[MaskedSlices], recipe: PublishedRecipe, epoch: int
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """One epoch's batches: slices and masks, float32 (n, size, size, 1) each, moved alike."""
    rng = np.random.default_rng((recipe.seed, epoch, 1))
    places = [(study, index) for study in slices for index in range(len(study.images))]
    for chosen in epoch_order(len(places), recipe, epoch):
        pairs = [
            varied_pair(study.images[index], study.masks[index], recipe.augmentation, rng)
            for study, index in (places[place] for place in chosen)
        ]
        images, masks = (np.stack(one)[..., np.newaxis] for one in zip(*pairs, strict=True))
        yield images, masks


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
