"""CheXpert as Stanford distributes it (Irvin et al., AAAI 2019).

    train.csv, valid.csv    Path, Sex, Age, Frontal/Lateral, AP/PA, then one column for each label:
                            1.0, 0.0, -1.0 (uncertain) or nothing (not mentioned)
    train/, valid/          patientNNNNN/studyN/viewN_frontal.jpg

``Path`` starts with the folder's own name (CheXpert-v1.0 or CheXpert-v1.0-small). valid.csv, which
radiologists labelled, is the test part; a tenth of train.csv's patients is held out for validation.
"""

import math
from enum import StrEnum
from pathlib import Path, PurePosixPath

from ai_engine.datasets.cxr import (
    CxrDataset,
    CxrItem,
    Split,
    View,
    require_images,
    require_separate_patients,
)
from ai_engine.datasets.splits import TRAIN_VALID, split_of
from ai_engine.datasets.tables import Row, read_table
from ai_engine.errors import DatasetError

CHEXPERT_LABELS = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Pleural Effusion",
    "Pneumonia",
    "Pneumothorax",
    "Enlarged Cardiomediastinum",
    "Lung Lesion",
    "Lung Opacity",
    "Pleural Other",
    "Fracture",
    "Support Devices",
)
"""The 13 labels in the order of paper 3's table 1, named as CheXpert names them."""

LABELS = (*CHEXPERT_LABELS, "No Finding")


class Uncertain(StrEnum):
    """What becomes of a label of -1 (Irvin et al., section "Uncertainty approaches")."""

    IGNORE = "ignore"
    ZEROS = "zeros"
    ONES = "ones"


def is_chexpert(folder: Path) -> bool:
    """Whether a folder holds CheXpert's tables."""
    table = folder / "train.csv"
    if not table.is_file():
        return False
    with table.open(encoding="utf-8", errors="replace") as stream:
        return "Frontal/Lateral" in stream.readline()


def read_chexpert(folder: Path, *, uncertain: Uncertain = Uncertain.IGNORE) -> CxrDataset:
    """Read and check both tables; images are read later, one by one.

    Raises
    ------
    DatasetError
        If a table, a column or an image is missing, a value is unknown, or a patient is in two
        splits.
    """
    items: list[CxrItem] = []
    for name in ("train.csv", "valid.csv"):
        table = folder / name
        _, rows = read_table(table, ("Path", "Age", *LABELS))
        found = [_item(row, uncertain, f"{table}, line {line}") for line, row in rows]
        require_images(table, folder, (item.file for item in found))
        items += found
    require_separate_patients(folder / "train.csv", items)
    return CxrDataset(
        folder=folder,
        labels=LABELS,
        items=tuple(items),
        boxes=(),
        image_root=".",
        name="CheXpert",
    )


def _item(row: Row, uncertain: Uncertain, where: str) -> CxrItem:
    # The first part is the distributed folder's name, whatever it is called here.
    path = PurePosixPath(*PurePosixPath(row["Path"]).parts[1:])
    if len(path.parts) != 4:
        raise DatasetError(f"{where}: path is not folder/part/patient/study/view; correct it")
    part, patient, study, _ = path.parts
    values = {label: _value(row[label], label, where) for label in LABELS}
    doubtful = frozenset(label for label, value in values.items() if value < 0)
    present = frozenset(label for label, value in values.items() if value > 0)
    return CxrItem(
        file=str(path),
        patient_id=patient,
        age=_years(row["Age"], where),
        sex=row.get("Sex", "")[:1],
        view=_view(row),
        split=Split.TEST if part == "valid" else split_of(patient, TRAIN_VALID),
        labels=present | doubtful if uncertain is Uncertain.ONES else present,
        uncertain=doubtful if uncertain is Uncertain.IGNORE else frozenset(),
        study=f"{patient}/{study}",
    )


def _years(text: str, where: str) -> float:
    try:
        return float(text or math.nan)
    except ValueError as error:
        raise DatasetError(f"{where}: Age: {error}; correct this line") from error


def _value(text: str, label: str, where: str) -> float:
    """Not mentioned counts as absent, as in the publication."""
    values = {"": 0.0, "0.0": 0.0, "1.0": 1.0, "-1.0": -1.0}
    if text not in values:
        raise DatasetError(f"{where}: {label} is {text!r}, not 1.0, 0.0, -1.0 or nothing")
    return values[text]


def _view(row: Row) -> View:
    if row.get("Frontal/Lateral") == "Lateral":
        return View.LATERAL
    direction = row.get("AP/PA", "")
    return View(direction) if direction in {"AP", "PA"} else View.UNKNOWN
