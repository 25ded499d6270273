"""Reader for chest radiographs with masks of their lungs.

images/         grayscale images
masks/          one mask of the same size for each image, lungs 255, named as the image or with
                ``_mask`` after its name, as the Shenzhen masks are distributed

Montgomery's set is read as it is distributed (Jaeger et al., Quant. Imaging Med. Surg. 2014):
``CXR_png``, ``ManualMask/leftMask`` and ``ManualMask/rightMask``; Shenzhen's as ``CXR_png`` and
``mask``, where images without a mask are left out: a tenth of them has none.
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


def _grayscale(path: Path) -> Bytes:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise DatasetError(f"{path}: not an image that OpenCV can read; restore this file")
    return np.asarray(image, dtype=np.uint8)
