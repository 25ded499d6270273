"""Pairs of radiographs and their bones, as dual energy machines give them.

radiographs/    grayscale images, or DICOM
bones/          for each, what it shows of bone, of the same name and size; or
suppressed/     for each, the same without its bones: what is missing are the bones

split.csv       patient, part; may be absent

What stands before a name's first underscore is the patient, who is in one part of the split only:
the one that ``split.csv`` names, by a hash without it.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from ai_engine.datasets.cxr import Split
from ai_engine.datasets.splits import TRAIN_VALID, split_of
from ai_engine.errors import DatasetError, ImageRefusedError
from ai_engine.preprocessing.geometry import FloatImage
from ai_engine.preprocessing.radiograph import read_radiograph

RADIOGRAPHS = "radiographs"
BONES = "bones"
SUPPRESSED = "suppressed"
SPLIT = "split.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class BonePair:
    """A radiograph and its counterpart: the bones alone, or what is left without them."""

    radiograph: Path
    counterpart: Path
    is_suppressed: bool
    part: Split | None = None

    @property
    def patient(self) -> str:
        """Whose image it is."""
        return self.radiograph.stem.split("_")[0]

    @property
    def split(self) -> Split:
        """Which part of the data it belongs to."""
        return self.part or split_of(self.patient, TRAIN_VALID)

    def read(self) -> tuple[FloatImage, FloatImage]:
        """The radiograph and its bones, float32 (rows, columns) from 0 to 1.

        Raises
        ------
        DatasetError
            If a file is no image, or the two differ in size.
        """
        image, other = (_grey(path) for path in (self.radiograph, self.counterpart))
        if image.shape != other.shape:
            raise DatasetError(
                f"{self.counterpart}: {other.shape[1]} x {other.shape[0]} pixels, but its "
                f"radiograph has {image.shape[1]} x {image.shape[0]}; both show the same exposure"
            )
        return image, np.clip(image - other, 0, 1) if self.is_suppressed else other


def read_bone_pairs(folder: Path) -> tuple[BonePair, ...]:
    """The pairs of a folder, by name.

    Raises
    ------
    DatasetError
        If there are no radiographs, one has no counterpart, a part of the split is empty, or
        ``split.csv`` leaves a patient out.
    """
    images = sorted(path for path in (folder / RADIOGRAPHS).glob("*") if path.is_file())
    if not images:
        raise DatasetError(
            f"{folder}: holds no {RADIOGRAPHS}/; give a folder with {RADIOGRAPHS}/ and {BONES}/ "
            f"or {SUPPRESSED}/"
        )
    pairs = tuple(_pairs(folder, images))
    for split in (Split.TRAIN, Split.VALID):
        if not any(pair.split is split for pair in pairs):
            raise DatasetError(
                f"{folder}: no pair falls into the {split.value} part; add images of more patients"
            )
    return pairs


def _pairs(folder: Path, images: list[Path]) -> Iterator[BonePair]:
    is_suppressed = not (folder / BONES).is_dir()
    place = folder / (SUPPRESSED if is_suppressed else BONES)
    others = {path.stem: path for path in sorted(place.glob("*"))}
    parts = _stated_parts(folder / SPLIT)
    for image in images:
        if image.stem not in others:
            raise DatasetError(
                f"{place / image.name}: missing; add the counterpart or take the radiograph out"
            )
        pair = BonePair(
            radiograph=image, counterpart=others[image.stem], is_suppressed=is_suppressed
        )
        if parts and pair.patient not in parts:
            raise DatasetError(
                f"{folder / SPLIT}: says nothing of {pair.patient}; add that patient"
            )
        yield replace(pair, part=parts.get(pair.patient))


def _stated_parts(path: Path) -> dict[str, Split]:
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    try:
        return {row["patient"]: Split(row["part"]) for row in rows}
    except (KeyError, ValueError) as error:
        raise DatasetError(
            f"{path}: {error}; give columns patient and part, of {', '.join(Split)}"
        ) from error


def _grey(path: Path) -> FloatImage:
    if path.suffix == ".dcm":
        try:
            return read_radiograph(dcmread(path)).pixels
        except (ImageRefusedError, InvalidDicomError, OSError) as error:
            raise DatasetError(f"{path}: cannot be read ({error}); restore this file") from error
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH)
    if image is None:
        raise DatasetError(f"{path}: not an image that OpenCV can read; restore this file")
    full = 65535 if image.itemsize == 2 else 255
    return np.asarray(image, dtype=np.float32) / np.float32(full)
