"""Reader for chest radiographs with masks of their lungs.

images/         grayscale images
masks/          one mask of the same size for each image, lungs 255, named as the image or with
                ``_mask`` after its name, as the Shenzhen masks are distributed

Montgomery's set is read as it is distributed (Jaeger et al., Quant. Imaging Med. Surg. 2014):
``CXR_png``, ``ManualMask/leftMask`` and ``ManualMask/rightMask``; Shenzhen's as ``CXR_png`` and
``mask``, where images without a mask are left out: a tenth of them has none. JSRT's set is read
with SCR's masks (Shiraishi et al., AJR 2000; van Ginneken et al., Med. Image Anal. 2006):
``All247images`` with its ``JPCLN001.IMG``, and SCR's ``fold1`` and ``fold2``, each with
``masks/left lung`` and ``masks/right lung``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.errors import DatasetError

SOURCE_LETTERS = 10
"""Publications name their figures alike: names that share so many letters may share a patient."""

JSRT_IMAGES = "All247images"
JSRT_SUFFIX = ".IMG"
JSRT_SIDE = 2048
JSRT_WHITE = 4095
"""JSRT's images have 12 bits in two bytes, the high one first, without a heading; 0 is white."""

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True, kw_only=True)
class LungItem:
    """One radiograph and its mask. Images with one ``source`` belong into one part of a split."""

    image: Path
    mask: Path
    other: Path | None = None
    """The mask of the other lung, where each has its own."""

    @property
    def source(self) -> str:
        """What the image shares with others that may show the same patient."""
        return self.image.name[:SOURCE_LETTERS]

    def read(self) -> tuple[Bytes, npt.NDArray[np.bool_]]:
        """The image, uint8 (rows, columns), and where its lungs are, bool of the same shape.

        Raises
        ------
        DatasetError
            If a file is no image, or the two differ in size.
        """
        image, mask = (_grayscale(path) for path in (self.image, self.mask))
        if self.other is not None:
            mask = np.maximum(mask, _same_size(self.other, mask))
        if self.image.suffix == JSRT_SUFFIX:  # SCR's masks have half its rows and columns
            shape = mask.shape[::-1]
            image = np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), np.uint8)
        if image.shape != mask.shape:
            raise DatasetError(
                f"{self.mask}: {mask.shape[1]} x {mask.shape[0]} pixels, but its image has "
                f"{image.shape[1]} x {image.shape[0]}; a mask covers its image pixel by pixel"
            )
        return image, mask > 127


def read_lungs(folder: Path) -> tuple[LungItem, ...]:
    """The images of a folder with their masks, by name.

    Raises
    ------
    DatasetError
        If there are no images, or one has no mask.
    """
    if (folder / "CXR_png").is_dir():
        return tuple(_distributed(folder))
    if (folder / JSRT_IMAGES).is_dir():
        return tuple(_jsrt(folder))
    images = sorted(path for path in (folder / "images").glob("*") if path.is_file())
    if not images:
        raise DatasetError(f"{folder}: holds no images/; give a folder with images/ and masks/")
    masks = {path.stem.removesuffix("_mask"): path for path in sorted((folder / "masks").glob("*"))}
    return tuple(_items(images, masks, folder))


def _distributed(folder: Path) -> Iterator[LungItem]:
    """Montgomery's or Shenzhen's images that have masks."""
    images = sorted((folder / "CXR_png").glob("*.png"))
    left, right = (folder / "ManualMask" / f"{side}Mask" for side in ("left", "right"))
    found = 0
    for image in images:
        of_left, of_right = left / image.name, right / image.name
        both = folder / "mask" / f"{image.stem}_mask.png"
        if of_left.is_file() and of_right.is_file():
            yield LungItem(image=image, mask=of_left, other=of_right)
        elif both.is_file():
            yield LungItem(image=image, mask=both)
        else:
            continue
        found += 1
    if not found:
        raise DatasetError(
            f"{folder}: no image of CXR_png has masks; add ManualMask (Montgomery) or mask "
            "(Shenzhen)"
        )


def _jsrt(folder: Path) -> Iterator[LungItem]:
    """JSRT's images with SCR's masks of both lungs, from either of its folds."""
    images = sorted((folder / JSRT_IMAGES).glob(f"*{JSRT_SUFFIX}"))
    if not images:
        raise DatasetError(f"{folder / JSRT_IMAGES}: holds no {JSRT_SUFFIX}; unpack it again")
    for image in images:
        masks = [
            place
            for side in ("left lung", "right lung")
            for fold in ("fold1", "fold2")
            if (place := folder / fold / "masks" / side / f"{image.stem}.gif").is_file()
        ]
        if len(masks) != 2:
            raise DatasetError(
                f"{folder}: {image.stem} has {len(masks)} of two masks in fold1 and fold2; unpack "
                "SCR's masks beside All247images"
            )
        yield LungItem(image=image, mask=masks[0], other=masks[1])


def _same_size(path: Path, mask: Bytes) -> Bytes:
    """The mask of a file, which must be as large as the other lung's."""
    other = _grayscale(path)
    if other.shape != mask.shape:
        raise DatasetError(f"{path}: is not as large as the mask of the other lung; restore it")
    return other


def _items(images: list[Path], masks: dict[str, Path], folder: Path) -> Iterator[LungItem]:
    for image in images:
        if image.stem not in masks:
            raise DatasetError(
                f"{folder / 'masks' / image.stem}.png: missing; add the mask or take the image out"
            )
        yield LungItem(image=image, mask=masks[image.stem])


def _raw(path: Path) -> Bytes:
    """One of JSRT's images, 0 black."""
    stored = np.fromfile(path, dtype=">u2")
    if stored.size != JSRT_SIDE**2:
        raise DatasetError(
            f"{path}: {stored.size} values, not {JSRT_SIDE} x {JSRT_SIDE}; unpack it again"
        )
    values = JSRT_WHITE - np.minimum(stored, JSRT_WHITE).astype(np.float32)
    return np.asarray(values.reshape(JSRT_SIDE, JSRT_SIDE) * (255 / JSRT_WHITE), dtype=np.uint8)


def _grayscale(path: Path) -> Bytes:
    if path.suffix == JSRT_SUFFIX:
        return _raw(path)
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise DatasetError(f"{path}: not an image that OpenCV can read; restore this file")
    return np.asarray(image, dtype=np.uint8)
