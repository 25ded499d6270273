"""Images sorted into one folder for each class, as sets without a table of their own are kept.

    <class>/…/*.png

It serves paper 2's modules I and II, whose data are put together from several sets (MURA, LERA,
spines, teeth, chests, photographs). Everything in one folder directly below a class's is taken for
one patient's; images directly in a class's folder are taken for different patients.
"""

import math
from pathlib import Path

from ai_engine.datasets.cxr import CxrDataset, CxrItem, View
from ai_engine.datasets.splits import PAPER_2, split_of
from ai_engine.errors import DatasetError

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".dcm"})


def read_class_folders(folder: Path) -> CxrDataset:
    """Find the images of all classes.

    Raises
    ------
    DatasetError
        If there are fewer than two classes, or a class without images.
    """
    classes = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if len(classes) < 2:
        raise DatasetError(f"{folder}: holds no data set in a known layout, and no class folders")
    items = tuple(item for path in classes for item in _items(folder, path))
    return CxrDataset(
        folder=folder,
        labels=tuple(path.name for path in classes),
        items=items,
        boxes=(),
        image_root=".",
        name=f"{folder.name}, one folder for each class",
    )


def _items(folder: Path, place: Path) -> list[CxrItem]:
    files = sorted(path for path in place.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise DatasetError(f"{place}: holds no images; add some or remove the folder")
    found = []
    for path in files:
        patient = str(Path(*path.relative_to(folder).parts[:2]))
        found.append(
            CxrItem(
                file=str(path.relative_to(folder)),
                patient_id=patient,
                age=math.nan,
                sex="",
                view=View.UNKNOWN,
                split=split_of(patient, PAPER_2),
                labels=frozenset({place.name}),
            )
        )
    return found
