"""Tables of radiographs, and the reader for the layout of the NIH ChestX-ray14 sample.

    labels.csv      file, patient_id, age, sex, view (AP or PA), split (train, valid or test),
                    then one column per label: 1, 0, or empty where nobody decided
                    (``device`` before them, if it is there, says what took the image; an empty age
                    is unknown)
    boxes.csv       file, label, x, y, width, height in the images' pixels (optional)
    images/         the 8-bit grayscale images named in the tables

Source of the labels: Wang et al., "ChestX-ray8", CVPR 2017. The layouts in which others are
distributed have readers beside this one; `ai_engine.datasets.layouts` tells them apart.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
import numpy.typing as npt
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from ai_engine.datasets.tables import Row, read_box, read_table
from ai_engine.errors import DatasetError, ImageRefusedError
from ai_engine.importing.profiles import XRAYVISION_LABELS
from ai_engine.prediction import Region
from ai_engine.preprocessing.radiograph import read_radiograph


class Split(StrEnum):
    """Which part of the data a patient belongs to."""

    TRAIN = "train"
    VALID = "valid"
    TEST = "test"


class View(StrEnum):
    """Direction of the beam: anteroposterior (mostly bedside) or posteroanterior; or another."""

    AP = "AP"
    PA = "PA"
    LATERAL = "lateral"
    UNKNOWN = "unknown"


SPELLINGS = {"Infiltrate": "Infiltration"}
"""Labels that NIH spells otherwise in its list of boxes."""

NO_FINDING = "No_Finding"
ABNORMAL = "Abnormal"
"""Label of every item without `NO_FINDING`, where the table has that column."""

FINDINGS = frozenset({*XRAYVISION_LABELS, ABNORMAL})
"""Labels that no image without finding has."""

FIELDS = ("file", "patient_id", "age", "sex", "view", "split")
OPTIONAL_FIELDS = ("device",)
BOXES = "boxes.csv"
BOX_COLUMNS = ("x", "y", "width", "height")


@dataclass(frozen=True, slots=True, kw_only=True)
class CxrItem:
    """One radiograph of the table. ``labels`` are those that are present.

    ``age`` is in years, not a number where it is unknown.

    ``uncertain`` are labels that nobody decided on: neither training nor evaluation counts them.
    ``study`` joins the views of one examination, where the table says so.
    """

    file: str
    patient_id: str
    age: float
    sex: str
    view: View
    split: Split
    labels: frozenset[str]
    device: str = ""
    uncertain: frozenset[str] = frozenset()
    study: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CxrBox:
    """A box that a radiologist drew around a finding, in the image's pixels."""

    file: str
    label: str
    region: Region


@dataclass(frozen=True, slots=True, kw_only=True)
class CxrDataset:
    """The checked table of a folder of radiographs; files are named from its ``image_root``."""

    folder: Path
    labels: tuple[str, ...]
    items: tuple[CxrItem, ...]
    boxes: tuple[CxrBox, ...]
    image_root: str = "images"
    name: str = "NIH ChestX-ray14 sample"

    def part(self, split: Split) -> tuple[CxrItem, ...]:
        """The items of one split, in the table's order."""
        return tuple(item for item in self.items if item.split is split)

    def image(self, item: CxrItem | CxrBox) -> npt.NDArray[np.uint8]:
        """Read an item's image: uint8 (rows, columns).

        Raises
        ------
        DatasetError
            If the file is no image, or its name leads out of the folder.
        """
        path = image_path(self.folder / self.image_root, item.file)
        if path.suffix == ".dcm":
            return _dicom_image(path)
        image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise DatasetError(f"{path}: not an image that OpenCV can read; restore this file")
        return np.asarray(image, dtype=np.uint8)


def read_cxr(folder: Path, part_of: Callable[[str], Split] | None = None) -> CxrDataset:
    """Read and check the tables of a folder; the images are read later, one by one.

    ``part_of`` says which part a patient's images belong to where the table doesn't.

    Raises
    ------
    DatasetError
        If a table or an image is missing, a value is unknown, labels contradict each other, or a
        patient is in two splits.
    """
    table = folder / "labels.csv"
    needed = [name for name in FIELDS if name != "split" or part_of is None]
    columns, rows = read_table(table, needed)
    if part_of is not None:
        rows = [(at, {**row, "split": part_of(row["patient_id"]).value}) for at, row in rows]
    labels = tuple(name for name in columns if name not in (*FIELDS, *OPTIONAL_FIELDS))
    items = tuple(_item(row, labels, f"{table}, line {line}") for line, row in rows)
    require_images(table, folder / "images", (item.file for item in items))
    require_separate_patients(table, items)
    boxes = tuple(_read_boxes(folder / BOXES, labels))
    require_images(folder / BOXES, folder / "images", (box.file for box in boxes))
    return CxrDataset(folder=folder, labels=labels, items=items, boxes=boxes)


def _item(row: Row, labels: Iterable[str], where: str) -> CxrItem:
    for label in labels:
        if row[label] not in {"0", "1", ""}:
            raise DatasetError(f"{where}: label {label!r} must be 0 or 1, or empty if unknown")
    require_one_answer(frozenset(label for label in labels if row[label] == "1"), where)
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
            uncertain=_undecided(row, labels),
        )
    except ValueError as error:
        raise DatasetError(f"{where}: {error}; correct this line") from error


def require_one_answer(labels: frozenset[str], where: str) -> None:
    """Raise DatasetError where an image is said to have no finding, and one all the same."""
    if NO_FINDING in labels and (found := labels & FINDINGS):
        raise DatasetError(
            f"{where}: {NO_FINDING} and {min(found)!r} contradict each other; correct this line"
        )


def _present(row: Row, labels: Iterable[str]) -> frozenset[str]:
    found = frozenset(label for label in labels if row[label] == "1")
    return found | {ABNORMAL} if row.get(NO_FINDING) == "0" else found


def _undecided(row: Row, labels: Iterable[str]) -> frozenset[str]:
    found = frozenset(label for label in labels if not row[label])
    return found | {ABNORMAL} if NO_FINDING in found else found


def _read_boxes(path: Path, labels: tuple[str, ...]) -> Iterator[CxrBox]:
    if not path.exists():
        return
    for line, row in read_table(path, ("file", "label", *BOX_COLUMNS))[1]:
        where = f"{path}, line {line}"
        label = SPELLINGS.get(row["label"], row["label"])
        if label not in labels:
            raise DatasetError(
                f"{where}: label {label!r} is not in labels.csv; correct the line or take it out"
            )
        yield CxrBox(file=row["file"], label=label, region=read_box(row, BOX_COLUMNS, where))


def image_path(images: Path, file: str) -> Path:
    """Where an image lies that a table names; raise DatasetError for one outside of the folder."""
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or "\0" in file:
        raise DatasetError(f"{images}: a table names the image {file!r}, outside of this folder")
    return images / path


def require_images(table: Path, images: Path, files: Iterable[str]) -> None:
    """Raise DatasetError for the first file of a table that isn't there."""
    for file in files:
        path = image_path(images, file)
        if not path.is_file():
            raise DatasetError(
                f"{path}: named in {table.name} but missing; restore the file, or take its line out"
            )


def require_separate_patients(table: Path, items: Iterable[CxrItem]) -> None:
    """Raise DatasetError for the first patient in two splits, or the first image named twice."""
    home: dict[str, CxrItem] = {}
    seen: set[str] = set()
    for item in items:
        if item.file in seen:
            raise DatasetError(f"{table}: {item.file} is named twice; take one of the lines out")
        seen.add(item.file)
        first = home.setdefault(item.patient_id, item)
        if first.split is not item.split:
            raise DatasetError(
                f"{table}: {first.file} and {item.file} are of one patient but in the splits "
                f"{first.split.value} and {item.split.value}; a patient belongs to one split"
            )


def _dicom_image(path: Path) -> npt.NDArray[np.uint8]:
    """A DICOM image as displayed, in 8 bits."""
    try:
        pixels = read_radiograph(dcmread(path)).pixels
    except (ImageRefusedError, InvalidDicomError, OSError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}); restore this file") from error
    return np.asarray(np.rint(pixels * 255), dtype=np.uint8)
