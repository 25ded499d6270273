"""LERA as Stanford distributes it (Varma et al., Nat. Mach. Intell. 2019), for paper 2's types.

    labels.csv          without a heading: patient, kind of examination, 1 where it is abnormal:
        1163810,XR HIP,1
    1163810/ST-1/…png   the images of each patient, in a folder for each study

The label is the body part; an abnormal patient's images have the label Abnormal, too. No split is
published: it is by patient, 70, 20 and 10 per cent.
"""

import csv
import math
from pathlib import Path

from ai_engine.datasets.class_folders import IMAGE_SUFFIXES
from ai_engine.datasets.cxr import CxrDataset, CxrItem, View
from ai_engine.datasets.splits import PAPER_2, split_of
from ai_engine.errors import DatasetError

PARTS = ("Ankle", "Foot", "Hip", "Knee")
ABNORMAL = "Abnormal"
TABLE = "labels.csv"
KIND = "XR "
FIELDS = 3


def is_lera(folder: Path) -> bool:
    """Whether a folder's table is LERA's: without a heading, the kind of examination second."""
    table = folder / TABLE
    if not table.is_file():
        return False
    with table.open(encoding="utf-8-sig", errors="replace") as stream:
        first = stream.readline().split(",")
    return len(first) == FIELDS and first[1].strip().startswith(KIND)


def read_lera(folder: Path) -> CxrDataset:
    """Read and check the table, and find every patient's images.

    Raises
    ------
    DatasetError
        If the table can't be read, a body part is unknown, a patient is named twice with different
        answers, or a patient has no images.
    """
    table = folder / TABLE
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = [(at, row) for at, row in enumerate(csv.reader(stream), start=1) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{table}: cannot be read ({error}); download it again") from error
    patients: dict[str, frozenset[str]] = {}
    for at, row in rows:
        patient, labels = _labels(row, f"{table}, line {at}")
        if patients.setdefault(patient, labels) != labels:
            raise DatasetError(
                f"{table}, line {at}: patient {patient} has another part or answer above; "
                "correct one of the lines"
            )
    return CxrDataset(
        folder=folder,
        labels=(*PARTS, ABNORMAL),
        items=tuple(item for each in patients.items() for item in _items(folder, *each)),
        boxes=(),
        image_root=".",
        name="LERA",
    )


def _labels(row: list[str], where: str) -> tuple[str, frozenset[str]]:
    fields = [field.strip() for field in row]
    if len(fields) != FIELDS or fields[2] not in {"0", "1"}:
        raise DatasetError(f"{where}: is not patient, examination, 0 or 1; correct this line")
    part = fields[1].removeprefix(KIND).capitalize()
    if part not in PARTS:
        raise DatasetError(
            f"{where}: body part {fields[1]!r} is unknown; known are {', '.join(PARTS)}"
        )
    return fields[0], frozenset({part} | ({ABNORMAL} if fields[2] == "1" else set()))


def _items(folder: Path, patient: str, labels: frozenset[str]) -> list[CxrItem]:
    place = folder / patient
    files = sorted(path for path in place.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise DatasetError(f"{place}: holds no images, but {TABLE} names it; restore the folder")
    return [
        CxrItem(
            file=str(path.relative_to(folder)),
            patient_id=patient,
            age=math.nan,
            sex="",
            view=View.UNKNOWN,
            split=split_of(patient, PAPER_2),
            labels=labels,
            study=str(path.parent.relative_to(folder)),
        )
        for path in files
    ]
