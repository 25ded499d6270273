"""What the guard says of DICOM objects, one by one: for material that only a person can judge."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from rich.table import Table

from ai_engine.errors import DatasetError, ImageRefusedError
from ai_engine.kinds.guard.guard import Appearance, ChestGuard
from ai_engine.preprocessing.radiograph import read_radiograph


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectVerdict:
    """One file: whether the guard lets it pass, and what it takes it for or why it is unusable.

    ``probability`` is that of an upright frontal chest; None where no pixels could be looked at.
    """

    file: str
    passes: bool
    words: str
    probability: float | None = None


def judge_objects(guard: ChestGuard, folder: Path) -> tuple[ObjectVerdict, ...]:
    """Ask the guard about every DICOM file of a folder, those of its folders too.

    Raises
    ------
    DatasetError
        If there is no DICOM file in it.
    """
    found = tuple(_verdicts(guard, folder))
    if not found:
        raise DatasetError(f"{folder}: holds no DICOM file; give a folder of images")
    return found


def objects_table(verdicts: Sequence[ObjectVerdict]) -> Table:
    """The verdicts as a table for a terminal."""
    passed = sum(one.passes for one in verdicts)
    table = Table("object", "passes", "frontal chest", "what the guard says")
    table.title = f"objects that pass the guard: {passed} of {len(verdicts)}"
    for one in verdicts:
        probability = "" if one.probability is None else f"{one.probability:.3f}"
        table.add_row(one.file, "yes" if one.passes else "no", probability, one.words)
    return table


def write_objects(verdicts: Sequence[ObjectVerdict], path: Path) -> None:
    """Write the verdicts as JSON."""
    rows = [asdict(one) for one in verdicts]
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


def _verdicts(guard: ChestGuard, folder: Path) -> Iterator[ObjectVerdict]:
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        name = str(path.relative_to(folder))
        try:
            image = read_radiograph(dcmread(path))
        except InvalidDicomError:
            continue
        except ImageRefusedError as error:
            yield ObjectVerdict(file=name, passes=False, words=str(error))
            continue
        probability = round(guard.appearances(image)[Appearance.FRONTAL], 4)
        try:
            guard.check(image)
        except ImageRefusedError as error:
            words, passes = error.detail, False
        else:
            words, passes = f"looks like: {Appearance.FRONTAL.value}", True
        yield ObjectVerdict(file=name, passes=passes, words=words, probability=probability)
