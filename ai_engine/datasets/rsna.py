"""The RSNA Pneumonia Detection Challenge as it is distributed (Shih et al., 2019).

    stage_2_train_labels.csv            patientId, x, y, width, height, Target: a row for each box
    stage_2_detailed_class_info.csv     patientId, class
    stage_2_train_images/<patientId>.dcm

The test images of the challenge have no labels, so a tenth of the patients is held out for testing.
Sex, age and view stand in the images' headers.
"""

import dataclasses
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError

from ai_engine.datasets.cxr import (
    BOX_COLUMNS,
    CxrBox,
    CxrDataset,
    CxrItem,
    View,
    require_images,
)
from ai_engine.datasets.splits import PAPER_1_RSNA, PAPER_2, split_of
from ai_engine.datasets.tables import Row, read_box, read_table
from ai_engine.errors import DatasetError

LABELS_TABLE = "stage_2_train_labels.csv"
CLASSES_TABLE = "stage_2_detailed_class_info.csv"
IMAGES = "stage_2_train_images"
CLASSES = ("Normal", "Lung Opacity", "No Lung Opacity / Not Normal")
"""In the order of `ai_engine.models.xception.OPACITY_CLASSES`."""

PNEUMONIA_CLASSES = ("Normal", "Pneumonia")
"""Paper 1's names of the first two, in the order of its table II."""

_HEADER = ["PatientSex", "PatientAge", "ViewPosition"]


def is_rsna(folder: Path) -> bool:
    """Whether a folder holds the table of the challenge."""
    return (folder / LABELS_TABLE).is_file()


def read_rsna(folder: Path) -> CxrDataset:
    """Read and check the tables and the images' headers.

    Raises
    ------
    DatasetError
        If a table or an image is missing, a class is unknown, or an image has two.
    """
    classes = _classes(folder / CLASSES_TABLE)
    labels = folder / LABELS_TABLE
    _, rows = read_table(labels, ("patientId", *BOX_COLUMNS, "Target"))
    patients = dict.fromkeys(row["patientId"] for _, row in rows)
    for patient in patients:
        if patient not in classes:
            raise DatasetError(
                f"{folder / CLASSES_TABLE}: has no class for {patient}; download both tables again"
            )
    require_images(labels, folder / IMAGES, (f"{patient}.dcm" for patient in patients))
    return CxrDataset(
        folder=folder,
        labels=CLASSES,
        items=tuple(_item(folder / IMAGES, patient, classes[patient]) for patient in patients),
        boxes=tuple(_boxes(labels, rows)),
        image_root=IMAGES,
        name="RSNA Pneumonia Detection Challenge",
    )


def read_rsna_pneumonia(folder: Path) -> CxrDataset:
    """Read the two classes that paper 1 tells apart (section VII): Normal and Lung Opacity.

    The third class is left out. The second is called Pneumonia, as in the paper's table II, and the
    test part is as large as the paper's.

    Raises
    ------
    DatasetError
        As `read_rsna`.
    """
    whole = read_rsna(folder)
    names = dict(zip(CLASSES, PNEUMONIA_CLASSES, strict=False))
    return dataclasses.replace(
        whole,
        labels=PNEUMONIA_CLASSES,
        items=tuple(
            dataclasses.replace(
                item,
                labels=frozenset({names[label]}),
                split=split_of(item.patient_id, PAPER_1_RSNA),
            )
            for item in whole.items
            for label in item.labels
            if label in names
        ),
        boxes=(),
        name="RSNA Pneumonia Detection Challenge, two classes",
    )


def _classes(path: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for line, row in read_table(path, ("patientId", "class"))[1]:
        if row["class"] not in CLASSES:
            raise DatasetError(
                f"{path}, line {line}: class {row['class']!r} is unknown; correct it"
            )
        if found.setdefault(row["patientId"], row["class"]) != row["class"]:
            raise DatasetError(
                f"{path}, line {line}: a second class for {row['patientId']}; take one of them out"
            )
    return found


def _item(images: Path, patient: str, label: str) -> CxrItem:
    path = images / f"{patient}.dcm"
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=_HEADER)
    except (InvalidDicomError, OSError) as error:
        raise DatasetError(f"{path}: not a DICOM image; download it again") from error
    return CxrItem(
        file=path.name,
        patient_id=patient,
        age=_years(header),
        sex=str(header.get("PatientSex", "")),
        view=_view(header),
        split=split_of(patient, PAPER_2),
        labels=frozenset({label}),
    )


def _years(header: Dataset) -> float:
    """The challenge writes years without a unit, and some headers nothing usable."""
    text = str(header.get("PatientAge", "")).removesuffix("Y")
    return float(text) if text.isdecimal() else math.nan


def _view(header: Dataset) -> View:
    text = str(header.get("ViewPosition", ""))
    return View(text) if text in {"AP", "PA"} else View.UNKNOWN


def _boxes(table: Path, rows: Iterable[tuple[int, Row]]) -> Iterator[CxrBox]:
    for line, row in rows:
        if row["Target"] not in {"0", "1"}:
            raise DatasetError(f"{table}, line {line}: Target must be 0 or 1; correct it")
        if row["Target"] == "1":
            region = read_box(row, BOX_COLUMNS, f"{table}, line {line}")
            yield CxrBox(file=f"{row['patientId']}.dcm", label=CLASSES[1], region=region)
