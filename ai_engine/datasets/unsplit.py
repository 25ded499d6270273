"""Tables in the layout of the NIH sample that don't say which part an image belongs to.

The part comes out of the patient's identifier: anybody gets the same one again, and images that are
added later change nothing for those that are there.
"""

from pathlib import Path

from ai_engine.datasets.cxr import CxrDataset, Split, read_cxr
from ai_engine.datasets.splits import Shares, split_of
from ai_engine.datasets.tables import read_table

HALVED: Shares = ((Split.TRAIN, 0.5), (Split.VALID, 0.2), (Split.TEST, 0.3))
"""Small sets need a large test part for intervals that say something."""


def is_unsplit(folder: Path) -> bool:
    """Whether a folder holds such a table, of patients but not of parts."""
    table = folder / "labels.csv"
    if not table.is_file():
        return False
    columns, _ = read_table(table)
    return "patient_id" in columns and "split" not in columns


def read_unsplit(folder: Path) -> CxrDataset:
    """Read a table without a column ``split``; else as `ai_engine.datasets.cxr.read_cxr`.

    Raises
    ------
    DatasetError
        If a table or an image is missing, or a value is unknown.
    """
    return read_cxr(folder, part_of=lambda patient: split_of(patient, HALVED))
