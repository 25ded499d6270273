"""From stored values to display values: modality LUT, VOI, polarity (PS3.3 C.11.1, C.11.2).

Stored values have few distinct levels, so the whole chain is computed once for each level and
looked up for each pixel.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason

FloatArray = npt.NDArray[np.float64]
StoredValues = npt.NDArray[np.integer[npt.NBitBase]]

ROBUST_PERCENTILES = (0.5, 99.5)
"""What is shown where the image says nothing usable about it."""

LEAST_CONTRAST = 0.15
"""A window that squeezes the middle 98 % of the pixels into less of the grey scale is absurd."""

LARGEST_CLIPPING = 0.6
"""So is one that shows more of the pixels than this as plain black or white."""

LEAST_LEVELS = 8
"""A detector's noise alone spans a few levels; an exposure spans hundreds."""

MOST_LEVELS = 2**16
"""Levels of the deepest radiographs."""

_STATISTICS_STEP = 3
"""Statistics use every third row and column; a radiograph still has 200,000 of them."""


def display_pixels(dataset: Dataset, stored: npt.NDArray[np.generic]) -> npt.NDArray[np.float32]:
    """Map stored values to 0 to 1, bright is dense (the polarity of MONOCHROME2).

    Parameters
    ----------
    dataset
        The image's attributes.
    stored
        Integer (rows, columns), as decoded.

    Returns
    -------
    ndarray
        Float32 (rows, columns). Padding pixels are 0.

    Raises
    ------
    ImageRefusedError
        If the image has no contrast, or more levels than any radiograph.
    """
    lowest, highest = int(stored.min()), int(stored.max())
    if highest - lowest > MOST_LEVELS:
        raise ImageRefusedError(RefusalReason.UNDECODABLE, "more than 16 bits per pixel")
    levels = np.arange(lowest, highest + 1)
    padding = _padding_levels(dataset, levels)
    counts = _histogram(stored, lowest, len(levels))
    counts[padding] = 0
    _require_contrast(levels, counts)
    table = _display_table(dataset, levels, counts)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        table = 1 - table
    table[padding] = 0
    return table.astype(np.float32)[stored.astype(np.int64) - lowest]


def value_range(dataset: Dataset, stored: npt.NDArray[np.generic]) -> tuple[float, float]:
    """Values after the modality LUT that show an image well as black and white, whatever it states.

    Parameters
    ----------
    dataset
        The image's attributes.
    stored
        Integer (rows, columns), as decoded; padding pixels do not count.
    """
    lowest, highest = int(stored.min()), int(stored.max())
    levels = np.arange(lowest, highest + 1)
    counts = _histogram(stored, lowest, len(levels))
    counts[_padding_levels(dataset, levels)] = 0
    modality = np.asarray(apply_modality_lut(levels, dataset), dtype=np.float64)
    return _quantiles(modality, counts, ROBUST_PERCENTILES)


def window(
    values: FloatArray, *, center: float, width: float, function: str = "LINEAR"
) -> FloatArray:
    """A window as 0 to 1 (PS3.3 C.11.2.1.2 and C.11.2.1.3).

    Raises
    ------
    ValueError
        If the width isn't allowed for the function, or the function is unknown.
    """
    if width <= 0 or (function == "LINEAR" and width < 1):
        raise ValueError("window width is not allowed")
    match function:
        case "SIGMOID":
            return np.asarray(1 / (1 + np.exp(-4 * (values - center) / width)))
        case "LINEAR_EXACT":
            scaled = (values - center) / width + 0.5
        case "LINEAR":
            # Width 1 is a step; the tiny divisor keeps it one.
            scaled = (values - (center - 0.5)) / max(width - 1, 1e-9) + 0.5
        case _:
            raise ValueError("window function is unknown")
    return np.clip(scaled, 0, 1)


def _padding_levels(dataset: Dataset, levels: npt.NDArray[np.int_]) -> npt.NDArray[np.bool_]:
    """Which levels are padding (PS3.3 C.7.5.1.1.2): in stored values, before any LUT."""
    first = dataset.get("PixelPaddingValue")
    if first is None:
        return np.zeros(levels.shape, dtype=np.bool_)
    last = dataset.get("PixelPaddingRangeLimit", first)
    return np.asarray((levels >= min(first, last)) & (levels <= max(first, last)))


def _require_contrast(levels: npt.NDArray[np.int_], counts: npt.NDArray[np.int_]) -> None:
    if not counts.any():
        raise ImageRefusedError(RefusalReason.EMPTY_EXPOSURE, "all pixels are padding")
    low, high = _quantiles(levels.astype(np.float64), counts, ROBUST_PERCENTILES)
    if high - low < LEAST_LEVELS:
        raise ImageRefusedError(
            RefusalReason.EMPTY_EXPOSURE, f"fewer than {LEAST_LEVELS} grey levels are used"
        )


def _histogram(stored: npt.NDArray[np.generic], lowest: int, levels: int) -> npt.NDArray[np.int_]:
    sparse = stored[::_STATISTICS_STEP, ::_STATISTICS_STEP].astype(np.int64).ravel() - lowest
    return np.bincount(sparse, minlength=levels)


def _display_table(
    dataset: Dataset, levels: npt.NDArray[np.int_], counts: npt.NDArray[np.int_]
) -> FloatArray:
    """Display value, 0 to 1, of each level, before the polarity is applied."""
    modality = np.asarray(apply_modality_lut(levels, dataset), dtype=np.float64)
    chosen = _voi_lut(dataset, modality)
    if chosen is None:
        chosen = _first_window(dataset, modality)
    if chosen is None or _is_absurd(chosen, counts):
        low, high = _quantiles(modality, counts, ROBUST_PERCENTILES)
        chosen = np.clip((modality - low) / max(high - low, 1e-9), 0, 1)
    return chosen


def _voi_lut(dataset: Dataset, modality: FloatArray) -> FloatArray | None:
    """The first VOI LUT, scaled to 0 to 1, or None where there is none."""
    if not dataset.get("VOILUTSequence"):
        return None
    shown = np.asarray(apply_voi(modality.astype(np.int64), dataset, index=0), dtype=np.float64)
    brightest = 2 ** int(dataset.VOILUTSequence[0].LUTDescriptor[2]) - 1
    return np.asarray(np.clip(shown / brightest, 0, 1))


def _first_window(dataset: Dataset, modality: FloatArray) -> FloatArray | None:
    """The first of several windows, or None where there is none that can be used."""
    center, width = _first(dataset.get("WindowCenter")), _first(dataset.get("WindowWidth"))
    if center is None or width is None:
        return None
    function = dataset.get("VOILUTFunction") or "LINEAR"
    try:
        return window(modality, center=center, width=width, function=function)
    except ValueError:
        return None


def _first(value: object) -> float | None:
    """First number of an attribute that may be absent, empty, single or multiple."""
    item = next(iter(value), None) if isinstance(value, Sequence) else value
    return None if item in {None, ""} else float(str(item))


def _is_absurd(shown: FloatArray, counts: npt.NDArray[np.int_]) -> bool:
    low, high = _quantiles(shown, counts, (1, 99))
    clipped = counts[(shown <= 0) | (shown >= 1)].sum() / counts.sum()
    return bool(high - low < LEAST_CONTRAST or clipped > LARGEST_CLIPPING)


def _quantiles(
    values: FloatArray, counts: npt.NDArray[np.int_], percentiles: tuple[float, float]
) -> tuple[float, float]:
    """Percentiles of the pixels, from the levels' values and how often each occurs."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(counts[order]) / counts.sum()
    places = np.minimum(np.searchsorted(reached, np.array(percentiles) / 100), len(order) - 1)
    low, high = values[order[places]]
    return float(low), float(high)
