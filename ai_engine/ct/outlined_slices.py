"""Single CT slices on which lesions were outlined, put into MosMedData's layout (`.dataset`).

Such slices are published as pictures: grey values of windows that nobody states, cut to the chest.
Two densities that every chest has say what the grey values were: aerated lung and soft tissue.

    images/NAME.jpg or .png
    masks/NAME.png           lesions are white
    split.csv                image, part (train, valid or test); patient, where it is known

Often no patients are named in them, so whoever writes ``split.csv`` keeps slices of one patient
together. Where the table has no patients, each slice counts as one.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from ai_engine.ct.morphology import Mask
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError

FloatArray = npt.NDArray[np.float32]

LUNG, SOFT_TISSUE = -850.0, 40.0
"""Hounsfield units of aerated lung and of muscle, heart and vessels without contrast agent."""

AIR = -1000.0
LIMITS = (-1024.0, 1200.0)

LEAST_LUNG = 0.01
"""Part of a picture below which an area of air within the body is no lung: the windpipe, say."""

CLOSED = 0.1
"""Of the picture's longer side: radius up to which what is dense beside air counts as lung."""

WALL = 0.06
"""Of a picture's longer side: chest wall that is put around it, since they are cut to the ribs."""

MARGIN = 1.25
"""The side of the square that a picture is put into, in its own longer sides: the chest wall, and
air around it."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class OutlinedSlice:
    """A slice in a square: int16 HU, bool lesions and bool lungs, (side, side) each."""

    name: str
    part: Split
    patient: str
    hounsfield: npt.NDArray[np.int16]
    lesions: Mask
    lungs: Mask


def read_outlined(folder: Path) -> Iterator[OutlinedSlice]:
    """The slices of a folder, one after the other.

    Raises
    ------
    DatasetError
        If the folder isn't laid out like this, or a picture shows no lungs.
    """
    for name, part, patient in _parts(folder / "split.csv"):
        picture = _picture(next(iter(sorted((folder / "images").glob(f"{name}.*"))), None), name)
        drawn = _picture(folder / "masks" / f"{name}.png", name)
        if picture.shape != drawn.shape:
            raise DatasetError(f"{folder}: mask and picture of {name} are not of one size")
        try:
            values = hounsfield_of(picture)
        except ValueError as error:
            raise DatasetError(f"{folder}: {name}: {error}; leave it out") from error
        yield OutlinedSlice(
            name=name,
            part=part,
            patient=patient,
            hounsfield=squared(values, wall=SOFT_TISSUE, outside=AIR).astype(np.int16),
            lesions=squared(drawn > 127) > 0,
            lungs=squared(lungs_of(values)) > 0,
        )


def hounsfield_of(picture: npt.NDArray[np.uint8]) -> FloatArray:
    """Hounsfield units of a picture's grey values, by its lungs and its soft tissue.

    Parameters
    ----------
    picture
        uint8 (rows, columns), brighter where denser, whatever the window.

    Returns
    -------
    numpy.ndarray
        float32, of the same shape; where the window ended, less than there was.

    Raises
    ------
    ValueError
        If it has no air within the body, or no two densities.
    """
    limit, _ = cv2.threshold(picture, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    inner = _within_body(picture <= limit)
    if not inner.any():
        raise ValueError("no air is seen within the body")
    lung, soft = _usual(picture[inner]), _usual(picture[(picture > limit) & (picture < 255)])
    if soft - lung < 16:
        raise ValueError("lung and soft tissue have the same grey")
    scale = (SOFT_TISSUE - LUNG) / (soft - lung)
    found = LUNG + (picture.astype(np.float32) - lung) * scale
    return np.asarray(np.clip(found, *LIMITS), np.float32)


def lungs_of(hounsfield: FloatArray) -> Mask:
    """Where lungs are on one slice, with what is dense between air and chest wall."""
    air = _within_body(hounsfield < (LUNG + SOFT_TISSUE) / 2)
    radius = max(1, round(CLOSED * max(air.shape)))
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    closed = np.zeros(air.shape, bool)
    labels, count = ndimage.label(air)
    for one in range(1, count + 1):
        padded = np.pad((labels == one).astype(np.uint8), radius)
        whole = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, ball)
        closed |= whole[radius:-radius, radius:-radius] > 0
    return np.asarray(ndimage.binary_fill_holes(closed))


def squared(plane: npt.NDArray[Any], *, wall: float = 0.0, outside: float = 0.0) -> FloatArray:
    """A plane in the middle of a square that is `MARGIN` times as long as its longer side.

    ``wall`` is what lies around it as far as `WALL`, ``outside`` what lies beyond.
    """
    rows, columns = plane.shape
    side, thick = round(MARGIN * max(rows, columns)), round(WALL * max(rows, columns))
    made = np.full((side, side), outside, np.float32)
    top, left = (side - rows) // 2, (side - columns) // 2
    made[top - thick : top + rows + thick, left - thick : left + columns + thick] = wall
    made[top : top + rows, left : left + columns] = plane
    return made


def varied(found: OutlinedSlice, rng: np.random.Generator) -> OutlinedSlice:
    """A slice as other scanners and windows might have shown it, and mirrored half of the time.

    Mirrored, since nothing that is learned from it depends on the side.
    """
    values = found.hounsfield.astype(np.float32)
    around = values.mean()
    values = around + (values - around) * float(np.exp(rng.normal(0, 0.06)))
    values = values + rng.normal(0, 25) + rng.normal(0, rng.uniform(0, 40), values.shape)
    blur = rng.uniform(0, 1.2)
    values = np.clip(ndimage.gaussian_filter(values, blur), *LIMITS)
    values[found.hounsfield <= AIR] = AIR
    step = -1 if rng.random() < 0.5 else 1
    return OutlinedSlice(
        name=found.name,
        part=found.part,
        patient=found.patient,
        hounsfield=np.rint(values[:, ::step]).astype(np.int16),
        lesions=found.lesions[:, ::step],
        lungs=found.lungs[:, ::step],
    )


def _within_body(air: Mask) -> Mask:
    """The areas of air that hold no corner of the picture, the small ones left out."""
    labels, count = ndimage.label(air)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    kept = sizes >= LEAST_LUNG * air.size
    kept[0] = False
    kept[labels[[0, 0, -1, -1], [0, -1, 0, -1]]] = False
    return np.asarray(kept[labels])


def _usual(greys: npt.NDArray[np.uint8]) -> float:
    """The grey value that most pixels have; 0 where there are none."""
    counts = np.bincount(greys, minlength=256).astype(np.float64)
    return float(ndimage.gaussian_filter1d(counts, 4.0).argmax())


def _picture(path: Path | None, name: str) -> npt.NDArray[np.uint8]:
    found = None if path is None else cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if found is None:
        raise DatasetError(f"{path or name}: no picture that can be read; take it out of split.csv")
    return np.asarray(found, np.uint8)


def _parts(path: Path) -> Sequence[tuple[str, Split, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as lines:
            rows = [
                (row["image"], Split(row["part"]), row.get("patient") or row["image"])
                for row in csv.DictReader(lines)
            ]
    except OSError as error:
        raise DatasetError(f"{path}: cannot be read ({error.strerror}); write it") from error
    except (KeyError, ValueError) as error:
        raise DatasetError(
            f"{path}: needs the columns image and part (train, valid or test): {error}"
        ) from error
    if not rows:
        raise DatasetError(f"{path}: names no slices; write a line for each")
    homes: dict[str, Split] = {}
    for name, count in Counter(name for name, _, _ in rows).items():
        if count > 1:
            raise DatasetError(f"{path}: {name} is named {count} times; a slice is of one part")
    for _, part, patient in rows:
        if homes.setdefault(patient, part) is not part:
            raise DatasetError(f"{path}: slices of {patient} are in two parts; keep them in one")
    return rows
