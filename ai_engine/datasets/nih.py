"""NIH ChestX-ray14 as the NIH Clinical Center distributes it (Wang et al., CVPR 2017).

    Data_Entry_2017.csv (or Data_Entry_2017_v2020.csv)
    BBox_List_2017.csv                  (optional)
    train_val_list.txt, test_list.txt   the published split
    images/, or images_001/images/ to images_012/images/

A tenth of the patients of train_val_list.txt is held out for validation.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from ai_engine.datasets.cxr import (
    SPELLINGS,
    CxrBox,
    CxrDataset,
    CxrItem,
    Split,
    View,
    require_one_answer,
    require_separate_patients,
)
from ai_engine.datasets.splits import TRAIN_VALID, split_of
from ai_engine.datasets.tables import Row, read_box, read_list, read_table
from ai_engine.errors import DatasetError
from ai_engine.importing.profiles import NIH_LABELS

TABLES = ("Data_Entry_2017.csv", "Data_Entry_2017_v2020.csv")
BOXES = "BBox_List_2017.csv"
LISTS = ("test_list.txt", "train_val_list.txt")
LABELS = (*NIH_LABELS, "No_Finding")

_COLUMNS = ("Image Index", "Finding Labels", "Patient ID", "Patient Age", "View Position")
_SEX_COLUMNS = ("Patient Gender", "Patient Sex")
"""The table is distributed with either name."""

_BOX_COLUMNS = ("Bbox [x", "y", "w", "h]")


def is_nih(folder: Path) -> bool:
    """Whether a folder holds the table of ChestX-ray14."""
    return any((folder / name).is_file() for name in TABLES)


def read_nih(folder: Path) -> CxrDataset:
    """Read and check the tables; images are read later, one by one.

    Raises
    ------
    DatasetError
        If a table or an image is missing, a value is unknown, or a patient is in two splits.
    """
    table = next(folder / name for name in TABLES if (folder / name).is_file())
    columns, rows = read_table(table, _COLUMNS)
    sex = _sex_column(table, columns)
    places = {path.name: str(path.relative_to(folder)) for path in folder.glob("images*/**/*.png")}
    tests, others = (_listed(folder / name) for name in LISTS)
    if both := tests & others:
        raise DatasetError(
            f"{folder / LISTS[0]}: image {min(both)} is in {LISTS[1]} too; download both again"
        )
    known = tests | others
    items = tuple(
        _item(row, places, tests, known, sex, f"{table}, line {line}") for line, row in rows
    )
    require_separate_patients(table, items)
    return CxrDataset(
        folder=folder,
        labels=LABELS,
        items=items,
        boxes=tuple(_boxes(folder / BOXES, places)),
        image_root=".",
        name="NIH ChestX-ray14",
    )


def _sex_column(table: Path, columns: Sequence[str]) -> str:
    for name in _SEX_COLUMNS:
        if name in columns:
            return name
    either = " or ".join(repr(name) for name in _SEX_COLUMNS)
    raise DatasetError(f"{table}: column {either} is missing; download the table again")


def _listed(path: Path) -> frozenset[str]:
    return frozenset(read_list(path)) - {""}


def _item(  # noqa: PLR0917 - a row, and what all rows share
    row: Row,
    places: dict[str, str],
    tests: frozenset[str],
    known: frozenset[str],
    sex: str,
    where: str,
) -> CxrItem:
    file, patient = row["Image Index"], row["Patient ID"]
    if file not in places:
        raise DatasetError(f"{where}: image {file} is in no images folder; restore it")
    if file not in known:
        raise DatasetError(f"{where}: image {file} is in neither list of the published split")
    labels = frozenset(label.replace(" ", "_") for label in row["Finding Labels"].split("|"))
    if strangers := labels - frozenset(LABELS):
        raise DatasetError(f"{where}: label {min(strangers)!r} is unknown; correct the table")
    require_one_answer(labels, where)
    try:
        return CxrItem(
            file=places[file],
            patient_id=patient,
            age=_years(row["Patient Age"]),
            sex=row[sex],
            view=View(row["View Position"]),
            split=Split.TEST if file in tests else split_of(patient, TRAIN_VALID),
            labels=labels,
        )
    except ValueError as error:
        raise DatasetError(f"{where}: {error}; correct this line") from error


def _years(text: str) -> float:
    """The age: ``58``, or ``058Y`` in the first release, whose babies are in months and days."""
    units = {"Y": 1.0, "M": 1 / 12, "D": 1 / 365}
    return float(text[:-1]) * units[text[-1]] if text[-1:] in units else float(text)


def _boxes(path: Path, places: dict[str, str]) -> Iterator[CxrBox]:
    """The columns are named ``Bbox [x``, ``y``, ``w``, ``h]``."""
    if not path.is_file():
        return
    for line, row in read_table(path, ("Image Index", "Finding Label", *_BOX_COLUMNS))[1]:
        where = f"{path}, line {line}"
        label = SPELLINGS.get(row["Finding Label"], row["Finding Label"])
        if label not in LABELS:
            raise DatasetError(f"{where}: label {label!r} is unknown; correct the table")
        if row["Image Index"] not in places:
            raise DatasetError(f"{where}: image {row['Image Index']} is missing; restore it")
        yield CxrBox(
            file=places[row["Image Index"]],
            label=label,
            region=read_box(row, _BOX_COLUMNS, where),
        )
