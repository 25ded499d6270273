"""Several data sets as one: a folder that holds, or links to, the folder of each.

The folder's name is kept with each image as what took it, so that a training can let every set
count alike, whatever its size, and see how it does on each. Patients are told apart by set: two
sets that share patients don't belong into one folder.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ai_engine.datasets.cxr import CxrBox, CxrDataset, CxrItem, read_cxr
from ai_engine.datasets.unsplit import is_unsplit, read_unsplit
from ai_engine.errors import DatasetError


def is_joined(folder: Path) -> bool:
    """Whether a folder holds tables of data sets one level below, and none itself."""
    return not (folder / "labels.csv").exists() and any(folder.glob("*/labels.csv"))


def read_joined(folder: Path) -> CxrDataset:
    """Read every data set of a folder, in the order of their names.

    Raises
    ------
    DatasetError
        If one of them can't be used, or they name no label in common.
    """
    sets = {
        path.parent.name: read_unsplit(path.parent)
        if is_unsplit(path.parent)
        else read_cxr(path.parent)
        for path in sorted(folder.glob("*/labels.csv"))
    }
    labels = _shared_labels(folder, sets)
    return CxrDataset(
        folder=folder,
        labels=labels,
        items=tuple(item for name, one in sets.items() for item in _items(name, one)),
        boxes=tuple(box for name, one in sets.items() for box in _boxes(name, one)),
        image_root=".",
        name=" with ".join(f"{name} ({len(one.items)} images)" for name, one in sets.items()),
    )


def _shared_labels(folder: Path, sets: dict[str, CxrDataset]) -> tuple[str, ...]:
    first, *others = sets.values()
    shared = tuple(name for name in first.labels if all(name in one.labels for one in others))
    if not shared:
        raise DatasetError(f"{folder}: no label is in all of {', '.join(sets)}; correct the tables")
    return shared


def _items(name: str, dataset: CxrDataset) -> Iterator[CxrItem]:
    for item in dataset.items:
        yield replace(
            item,
            file=f"{name}/{dataset.image_root}/{item.file}",
            patient_id=f"{name}/{item.patient_id}",
            device=name,
        )


def _boxes(name: str, dataset: CxrDataset) -> Iterator[CxrBox]:
    for box in dataset.boxes:
        yield replace(box, file=f"{name}/{dataset.image_root}/{box.file}")
