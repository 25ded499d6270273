"""Paper 3's table 1: the same 13 labels with more and more inputs, ours beside each row.

Its four rows are four models, each trained by a recipe of its own. Those that are evaluated into
one folder on the same data stand in one table; ``table_1.json`` there holds what was measured.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from rich.box import SIMPLE
from rich.table import Column, Table

from ai_engine.datasets.chexpert import CHEXPERT_LABELS
from ai_engine.errors import DatasetError

FILE_NAME = "table_1.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRow:
    """One row: its title, the AUCs in the order of `CHEXPERT_LABELS`, and the printed average.

    ``heading`` is the title where there is little room.
    """

    title: str
    heading: str
    aucs: tuple[float, ...]
    average: float


def _row(title: str, heading: str, average: float, *aucs: float) -> PublishedRow:
    return PublishedRow(title=title, heading=heading, aucs=aucs, average=average)


TABLE_1: Mapping[str, PublishedRow] = MappingProxyType(
    {
        "paper3-baseline": _row(
            "DN-121", "DN-121", 0.784,
            0.827, 0.813, 0.827, 0.892, 0.922, 0.716, 0.812,
            0.795, 0.675, 0.752, 0.822, 0.494, 0.849,
        ),
        "paper3-dual-branch": _row(
            "DualBranch DN-121", "Dual\nBranch", 0.797,
            0.843, 0.831, 0.837, 0.910, 0.934, 0.733, 0.817,
            0.814, 0.683, 0.763, 0.828, 0.500, 0.866,
        ),
        "paper3-dual-branch-lungs": _row(
            "+LungSegmentation", "+Lungs", 0.801,
            0.847, 0.834, 0.842, 0.913, 0.938, 0.735, 0.825,
            0.817, 0.685, 0.773, 0.833, 0.504, 0.871,
        ),
        "paper3-dual-branch-lungs-bones": _row(
            "+BoneSubtracted", "+Bones", 0.822,
            0.851, 0.841, 0.845, 0.905, 0.937, 0.734, 0.827,
            0.814, 0.693, 0.764, 0.824, 0.784, 0.871,
        ),
    }
)  # fmt: skip
"""By the recipe that trains each row's model: from one image to two, then with further channels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OurRow:
    """What one model reached; labels with too few images to be measured are left out."""

    model: str
    aucs: Mapping[str, float]

    @property
    def average(self) -> float | None:
        """The mean over all labels; None where one was not measured, as it would mean another."""
        if any(label not in self.aucs for label in CHEXPERT_LABELS):
            return None
        return sum(self.aucs[label] for label in CHEXPERT_LABELS) / len(CHEXPERT_LABELS)


def add_row(folder: Path, *, recipe: str, row: OurRow, measured_on: str) -> dict[str, OurRow]:
    """Put a row into a folder's table, in place of an older one of the same recipe.

    Parameters
    ----------
    measured_on
        Data set and part. Rows that were measured on others are dropped: they can't be compared.

    Returns
    -------
    dict
        All rows measured so far on the same data, by recipe.

    Raises
    ------
    DatasetError
        If the folder has a file of that name that is no such table.
    """
    path = folder / FILE_NAME
    rows = {**_rows(path, measured_on), recipe: row}
    document = {
        "measured_on": measured_on,
        "rows": {
            name: {
                "title": TABLE_1[name].title,
                "model": one.model,
                "aucs": dict(one.aucs),
                "average": one.average,
                "published": dict(zip(CHEXPERT_LABELS, TABLE_1[name].aucs, strict=True)),
                "published_average": TABLE_1[name].average,
            }
            for name, one in rows.items()
        },
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return rows


def table_1(rows: Mapping[str, OurRow]) -> Table:
    """The whole table for a terminal: of each configuration the paper's AUC, then ours."""
    columns = [Column("label")]
    for row in TABLE_1.values():
        columns += [
            Column(heading, justify="right", no_wrap=True) for heading in (row.heading, "ours")
        ]
    title = "Paper 3, table 1: AUC with and without further inputs"
    table = Table(*columns, title=title, box=SIMPLE, padding=(0, 1, 0, 0))
    for at, label in enumerate(CHEXPERT_LABELS):
        table.add_row(
            label, *_cells(rows, {name: row.aucs[at] for name, row in TABLE_1.items()}, label)
        )
    table.add_section()
    table.add_row("average", *_cells(rows, {name: row.average for name, row in TABLE_1.items()}))
    missing = [name for name in TABLE_1 if name not in rows]
    if missing:
        table.caption = f"Not measured into this folder yet: {', '.join(missing)}"
    return table


def _cells(
    rows: Mapping[str, OurRow], published: Mapping[str, float], label: str | None = None
) -> list[str]:
    cells = []
    for name, theirs in published.items():
        ours = rows.get(name)
        found = None
        if ours is not None:
            found = ours.average if label is None else ours.aucs.get(label)
        cells += [f"{theirs:.3f}", "–" if found is None else f"{found:.3f}"]
    return cells


def _rows(path: Path, measured_on: str) -> dict[str, OurRow]:
    if not path.is_file():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["measured_on"] != measured_on:
            return {}
        return {
            name: OurRow(model=kept["model"], aucs=kept["aucs"])
            for name, kept in document["rows"].items()
            if name in TABLE_1
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise DatasetError(
            f"{path}: not the table of an earlier evaluation ({error}); move it away, or give "
            "another folder"
        ) from error
