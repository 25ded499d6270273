"""The modality transformation: from stored values to what they measure (PS3.3 C.11.1)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.header_values import UnreadableValueError, numbers
from ai_engine.preprocessing.image_pixel import unreadable
from ai_engine.preprocessing.lookup_table import InvalidLutError, read_lookup_table

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Modality:
    """``apply`` maps stored values; ``corrections`` are sentences on what the header got wrong."""

    apply: Callable[[npt.NDArray[np.generic]], FloatArray]
    corrections: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescale:
    """Rescale Slope and Intercept; identity where the image states neither."""

    slope: float = 1.0
    intercept: float = 0.0
    corrections: tuple[str, ...] = ()

    def apply(self, stored: npt.NDArray[np.generic]) -> FloatArray:
        """Stored values as what they measure."""
        return stored.astype(np.float64) * self.slope + self.intercept


def read_modality(dataset: Dataset, lowest: int, highest: int) -> Modality:
    """Read the first modality LUT, else the rescale.

    Parameters
    ----------
    dataset
        The image's attributes.
    lowest, highest
        The stored values that occur.

    Raises
    ------
    ImageRefusedError
        The table or the rescale cannot be applied, or the slope is 0.
    """
    items = dataset.get("ModalityLUTSequence")
    if not items:
        rescale = read_rescale(dataset)
        return Modality(apply=rescale.apply, corrections=rescale.corrections)
    try:
        table = read_lookup_table(items[0], lowest, highest)
    except InvalidLutError as error:
        raise ImageRefusedError(
            RefusalReason.INVALID_LUT, f"{error}; correct it at the sender"
        ) from error
    return Modality(apply=table.apply, corrections=table.corrections)


def read_rescale(dataset: Dataset) -> Rescale:
    """Read Rescale Slope (0028,1053) and Intercept (0028,1052); what is empty is identity.

    Raises
    ------
    ImageRefusedError
        One of them cannot be read, or the slope is 0.
    """
    try:
        slope, said = _one(dataset, "RescaleSlope", "Rescale Slope", 1.0)
        intercept, too = _one(dataset, "RescaleIntercept", "Rescale Intercept", 0.0)
    except UnreadableValueError as error:
        raise unreadable(error) from error
    if slope == 0:
        raise ImageRefusedError(
            RefusalReason.SLOPE_ZERO, "every pixel would have one value; correct it at the sender"
        )
    if math.ulp(intercept) > abs(slope):  # neighbouring levels would become one value
        raise unreadable(UnreadableValueError("RescaleIntercept"))
    stated = "RescaleSlope" in dataset or "RescaleIntercept" in dataset
    corrections = (*said, *too) if stated else ()
    return Rescale(slope=slope, intercept=intercept, corrections=corrections)


def _one(
    dataset: Dataset, keyword: str, name: str, default: float
) -> tuple[float, tuple[str, ...]]:
    found = numbers(dataset, keyword)
    if not found.values:
        state = "empty" if keyword in dataset else "missing"
        return default, (f"{name} is {state}: taken as {default:g}.",)
    if len(set(found.values)) > 1:
        raise UnreadableValueError(keyword)
    said = (f"{name} has a decimal comma, and was read as a decimal point.",)
    return found.values[0], said if found.has_comma else ()
