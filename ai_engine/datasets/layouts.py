"""Data sets in the layouts in which they are distributed, told apart by their tables."""

from collections.abc import Callable
from pathlib import Path

from ai_engine.datasets.chexpert import is_chexpert, read_chexpert
from ai_engine.datasets.class_folders import read_class_folders
from ai_engine.datasets.cxr import CxrDataset, read_cxr
from ai_engine.datasets.joined import is_joined, read_joined
from ai_engine.datasets.lera import is_lera, read_lera
from ai_engine.datasets.mimic import is_mimic, read_mimic
from ai_engine.datasets.mura import is_mura, read_mura
from ai_engine.datasets.nih import is_nih, read_nih
from ai_engine.datasets.rsna import is_rsna, read_rsna, read_rsna_pneumonia
from ai_engine.datasets.unsplit import is_unsplit, read_unsplit
from ai_engine.errors import DatasetError

AUTO = "auto"

READERS: dict[str, Callable[[Path], CxrDataset]] = {
    "sample": read_cxr,
    "nih": read_nih,
    "rsna": read_rsna,
    "rsna-pneumonia": read_rsna_pneumonia,
    "chexpert": read_chexpert,
    "mimic": read_mimic,
    "mura": read_mura,
    "lera": read_lera,
    "folders": read_class_folders,
    "unsplit": read_unsplit,
    "joined": read_joined,
}


def read_dataset(folder: Path, layout: str = AUTO) -> CxrDataset:
    """Read a data set.

    Raises
    ------
    DatasetError
        If the layout is unknown, or the folder isn't what the layout needs.
    """
    if layout != AUTO and layout not in READERS:
        known = ", ".join((AUTO, *READERS))
        raise DatasetError(f"layout {layout!r} is unknown; known are {known}")
    return READERS[layout_of(folder) if layout == AUTO else layout](folder)


def layout_of(folder: Path) -> str:
    """The layout of a folder, by the tables in it; class folders where there are none.

    Raises
    ------
    DatasetError
        If there is no such folder.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder; give the folder of a data set")
    for name, matches in (
        ("nih", is_nih),
        ("rsna", is_rsna),
        ("chexpert", is_chexpert),
        ("mimic", is_mimic),
        ("mura", is_mura),
        ("lera", is_lera),
        ("unsplit", is_unsplit),
        ("joined", is_joined),
    ):
        if matches(folder):
            return name
    return "sample" if (folder / "labels.csv").is_file() else "folders"
