"""MIMIC-CXR-JPG as PhysioNet distributes it (Johnson et al., arXiv:1901.07042, 2019).

    mimic-cxr-2.0.0-chexpert.csv     subject_id, study_id, then CheXpert's labels: 1.0, 0.0, -1.0
                                     (uncertain) or nothing (not mentioned)
    mimic-cxr-2.0.0-metadata.csv     dicom_id, subject_id, study_id, ViewPosition
    mimic-cxr-2.0.0-split.csv        dicom_id, study_id, subject_id, split: train, validate or test
    files/p10/p10000032/s50414267/<dicom_id>.jpg

The tables' version may be another one, and they may be compressed (``.csv.gz``). A part of the
images is enough: rows whose image isn't there are passed over, as nobody has all 377,110.
"""

import csv
import gzip
import io
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

from ai_engine.datasets.chexpert import LABELS
from ai_engine.datasets.cxr import CxrDataset, CxrItem, Split, View, require_separate_patients
from ai_engine.errors import DatasetError

Row = Mapping[str, str]

SPLITS = {"train": Split.TRAIN, "validate": Split.VALID, "test": Split.TEST}
_VIEWS = {"AP": View.AP, "PA": View.PA, "LATERAL": View.LATERAL, "LL": View.LATERAL}


def is_mimic(folder: Path) -> bool:
    """Whether a folder holds MIMIC-CXR-JPG's table of labels."""
    return any(folder.glob("mimic-cxr-*-chexpert.csv*"))


def read_mimic(folder: Path) -> CxrDataset:
    """Read and check the tables; images are read later, one by one.

    Raises
    ------
    DatasetError
        If a table or a column is missing, a value is unknown, no image is there, or a patient is
        in two splits.
    """
    labels = {row["study_id"]: row for row in _table(folder, "chexpert", ("study_id", *LABELS))}
    views = {row["dicom_id"]: row for row in _table(folder, "metadata", ("ViewPosition",))}
    items = tuple(_items(folder, labels, views))
    if not items:
        raise DatasetError(f"{folder / 'files'}: holds none of the images of the tables; add some")
    require_separate_patients(folder, items)
    return CxrDataset(
        folder=folder,
        labels=LABELS,
        items=items,
        boxes=(),
        image_root=".",
        name="MIMIC-CXR-JPG",
    )


def _items(folder: Path, labels: Mapping[str, Row], views: Mapping[str, Row]) -> Iterator[CxrItem]:
    for row in _table(folder, "split", ("dicom_id", "subject_id", "study_id", "split")):
        patient, study, image = f"p{row['subject_id']}", f"s{row['study_id']}", row["dicom_id"]
        path = Path("files", patient[:3], patient, study, f"{image}.jpg")
        if row["study_id"] not in labels or not (folder / path).is_file():
            continue
        if row["split"] not in SPLITS:
            raise DatasetError(f"{folder}: split {row['split']!r} of {image} is unknown")
        values = {name: _value(labels[row["study_id"]][name], name, study) for name in LABELS}
        yield CxrItem(
            file=path.as_posix(),
            patient_id=patient,
            age=math.nan,
            sex="",
            view=_VIEWS.get(views.get(image, {}).get("ViewPosition", ""), View.UNKNOWN),
            split=SPLITS[row["split"]],
            labels=frozenset(name for name, value in values.items() if value > 0),
            uncertain=frozenset(name for name, value in values.items() if value < 0),
            study=study,
        )


def _value(text: str, label: str, study: str) -> float:
    """Not mentioned counts as absent, as in CheXpert's publication."""
    values = {"": 0.0, "0.0": 0.0, "1.0": 1.0, "-1.0": -1.0}
    if text not in values:
        raise DatasetError(f"{study}: {label} is {text!r}, not 1.0, 0.0, -1.0 or nothing")
    return values[text]


def _table(folder: Path, name: str, needs: tuple[str, ...]) -> Iterator[Row]:
    """The rows of a table, whatever its version, compressed or not."""
    found = sorted(folder.glob(f"mimic-cxr-*-{name}.csv*"))
    if not found:
        raise DatasetError(f"{folder}: mimic-cxr-2.0.0-{name}.csv is missing; download it")
    data = found[0].read_bytes()
    try:
        text = (gzip.decompress(data) if found[0].suffix == ".gz" else data).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise DatasetError(f"{found[0]}: cannot be read ({error}); download it again") from error
    rows = csv.DictReader(io.StringIO(text))
    for column in needs:
        if column not in (rows.fieldnames or ()):
            raise DatasetError(f"{found[0]}: column {column!r} is missing; download it again")
    yield from rows
