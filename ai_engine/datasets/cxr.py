"""Reader for a folder of chest radiographs in the layout of the NIH ChestX-ray14 sample.

    labels.csv      file, patient_id, age, sex, view (AP or PA), split (train, valid or test),
                    then one 0/1 column per label
                    (``device`` before them, if it is there, says what took the image; an empty age
                    is unknown)
    boxes.csv       file, label, x, y, width, height in the images' pixels (optional)
    images/         the 8-bit grayscale images named in the tables

Source of the labels: Wang et al., "ChestX-ray8", CVPR 2017.
"""

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.errors import DatasetError
from ai_engine.prediction import Region


class Split(StrEnum):
    """Which part of the data a patient belongs to."""

    TRAIN = "train"
    VALID = "valid"
    TEST = "test"


class View(StrEnum):
    """Direction of the beam: anteroposterior (mostly bedside) or posteroanterior."""

    AP = "AP"
    PA = "PA"


SPELLINGS = {"Infiltrate": "Infiltration"}
"""Labels that NIH spells otherwise in its list of boxes."""

NO_FINDING = "No_Finding"
ABNORMAL = "Abnormal"
"""Label of every item without `NO_FINDING`, where the table has that column."""

FIELDS = ("file", "patient_id", "age", "sex", "view", "split")
OPTIONAL_FIELDS = ("device",)


@dataclass(frozen=True, slots=True, kw_only=True)
class CxrItem:
    """One radiograph of the table. ``labels`` are those that are present.

    ``age`` is in years, not a number where it is unknown.
    """

    file: str
    patient_id: str
    age: float
    sex: str
    view: View
    split: Split
    labels: frozenset[str]
    device: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CxrBox:
    """A box that a radiologist drew around a finding, in the image's pixels."""

    file: str
    label: str
    region: Region


@dataclass(frozen=True, slots=True, kw_only=True)
class CxrDataset:
    """The checked table of a folder of radiographs."""

    folder: Path
    labels: tuple[str, ...]
    items: tuple[CxrItem, ...]
    boxes: tuple[CxrBox, ...]

    def part(self, split: Split) -> tuple[CxrItem, ...]:
        """The items of one split, in the table's order."""
        return tuple(item for item in self.items if item.split is split)

    def image(self, item: CxrItem | CxrBox) -> npt.NDArray[np.uint8]:
        """Read an item's image: uint8 (rows, columns).

        Raises
        ------
        DatasetError
            If the file is no image.
        """
        path = self.folder / "images" / item.file
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise DatasetError(f"{path}: not an image that OpenCV can read; restore this file")
        return np.asarray(image, dtype=np.uint8)


def read_cxr(folder: Path) -> CxrDataset:
    """Read and check the tables of a folder; the images are read later, one by one.

    Raises
    ------
    DatasetError
        If a table or an image is missing, a value is unknown, or a patient is in two splits.
    """
    table = folder / "labels.csv"
    columns, rows = _read_table(table)
    missing = [name for name in FIELDS if name not in columns]
    if missing:
        raise DatasetError(f"{table}: column {missing[0]!r} is missing; add it")
    labels = tuple(name for name in columns if name not in (*FIELDS, *OPTIONAL_FIELDS))
    items = tuple(_item(row, labels, f"{table}, line {line}") for line, row in rows)
    _require_images(folder, (item.file for item in items))
    _require_separate_patients(table, items)
    boxes = tuple(_read_boxes(folder / "boxes.csv", labels))
    _require_images(folder, (box.file for box in boxes))
    return CxrDataset(folder=folder, labels=labels, items=items, boxes=boxes)


def _read_table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            reader = csv.DictReader(stream)
            rows = list(enumerate(reader, start=2))
            return list(reader.fieldnames or ()), rows
    except FileNotFoundError:
        raise DatasetError(
            f"{path}: no such file; give a folder with labels.csv and images/"
        ) from None


def _item(row: dict[str, str], labels: Iterable[str], where: str) -> CxrItem:
    for label in labels:
        if row[label] not in {"0", "1"}:
            raise DatasetError(f"{where}: label {label!r} must be 0 or 1")
    try:
        return CxrItem(
            file=row["file"],
            patient_id=row["patient_id"],
            age=float(row["age"] or "nan"),
            sex=row["sex"],
            view=View(row["view"]),
            split=Split(row["split"]),
            labels=_present(row, labels),
            device=row.get("device", ""),
        )
    except ValueError as error:
        raise DatasetError(f"{where}: {error}; correct this line") from error


def _present(row: dict[str, str], labels: Iterable[str]) -> frozenset[str]:
    found = frozenset(label for label in labels if row[label] == "1")
    return found | {ABNORMAL} if row.get(NO_FINDING) == "0" else found


def _read_boxes(path: Path, labels: tuple[str, ...]) -> Iterator[CxrBox]:
    if not path.exists():
        return
    for line, row in _read_table(path)[1]:
        label = SPELLINGS.get(row["label"], row["label"])
        if label not in labels:
            raise DatasetError(f"{path}, line {line}: label {label!r} is not in labels.csv")
        x, y, width, height = (float(row[name]) for name in ("x", "y", "width", "height"))
        yield CxrBox(
            file=row["file"],
            label=label,
            region=Region(left=x, top=y, right=x + width, bottom=y + height),
        )


def _require_images(folder: Path, files: Iterable[str]) -> None:
    for file in files:
        path = folder / "images" / file
        if not path.is_file():
            raise DatasetError(f"{path}: named in the table but missing; restore the file")


def _require_separate_patients(table: Path, items: Iterable[CxrItem]) -> None:
    home: dict[str, CxrItem] = {}
    for item in items:
        first = home.setdefault(item.patient_id, item)
        if first.split is not item.split:
            raise DatasetError(
                f"{table}: {first.file} and {item.file} are of one patient but in the splits "
                f"{first.split.value} and {item.split.value}; a patient belongs to one split"
            )
