"""CT slices as they are shown: in the lung window."""

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from ai_engine.ct.volume import Hounsfield, slice_hounsfield

LUNG_WINDOW = (-600.0, 1500.0)
"""Centre and width in Hounsfield units."""


def lung_window(plane: Hounsfield) -> npt.NDArray[np.float32]:
    """One slice for display: float32 (rows, columns), 0 black to 1 white.

    ``plane`` is int16 (rows, columns) Hounsfield units.
    """
    centre, width = LUNG_WINDOW
    shown = (plane.astype(np.float32) - (centre - width / 2)) / width
    return np.asarray(np.clip(shown, 0.0, 1.0), np.float32)


def shown_range() -> tuple[float, float]:
    """The values in Hounsfield units that are shown black and white."""
    centre, width = LUNG_WINDOW
    return centre - width / 2, centre + width / 2


def displayed_slice(dataset: Dataset, frame_number: int | None = None) -> npt.NDArray[np.float32]:
    """One slice of an object in the lung window: float32 (rows, columns), 0 to 1.

    Raises
    ------
    CtRefusedError
        If it isn't a CT slice that can be decoded.
    """
    return lung_window(slice_hounsfield(dataset, frame_number))
