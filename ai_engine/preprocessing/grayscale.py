"""From stored values to display values: modality LUT, VOI, polarity (PS3.3 C.11.1, C.11.2).

Stored values have few distinct levels, so the whole chain is computed once for each level and
looked up for each pixel.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.header_values import UnreadableValueError, integer, numbers, word
from ai_engine.preprocessing.lookup_table import InvalidLutError, read_lookup_table
from ai_engine.preprocessing.modality import read_modality

FloatArray = npt.NDArray[np.float64]
StoredValues = npt.NDArray[np.integer[npt.NBitBase]]

ROBUST_PERCENTILES = (0.5, 99.5)
"""What is shown where the image says nothing usable about it."""

LEAST_CONTRAST = 0.15
"""A window that squeezes the middle 98 % of the pixels into less of the grey scale is absurd."""

LARGEST_CLIPPING = 0.6
"""So is one that shows more of the pixels than this as plain black or white."""

SHADE = 1 / 512
"""Half a step of a display of 8 bits: what is nearer to black or white is shown as such."""

LEAST_LEVELS = 8
"""A detector's noise alone spans a few levels; an exposure spans hundreds."""

MOST_LEVELS = 2**16
"""Levels of the deepest radiographs."""

UNFIT_WINDOW = "The window does not fit the pixels: the image was shown by its pixels."

UNFIT_LUT = "The VOI LUT does not fit the pixels: it was passed over."

TURNED = (
    "The rescale or the VOI LUT turns the grey scale around, and was followed: dense tissue may be "
    "shown dark."
)

MOST_PADDING = 0.5
"""Part of the grey levels from which a range of padding is a mistake: padding is at one end."""

BESIDE_PADDING = 0.02
"""Part of the other pixels on both sides of a padding value from which it is a grey level of the
image: padding is at an end of what occurs."""

NEAR = 8
STANDS_OUT = 20
"""Levels on both sides that a padding value is held against, and how many times as frequent as
they it is where it is padding all the same."""

AMID = (
    "Pixel Padding Value lies amid the values of the pixels: it was passed over, and the pixels of "
    "that value were shown."
)

LONE_END = (
    "The lowest or highest value of the pixels lies far from all others, as of padding that is not "
    "declared, or of marks: the image was shown by the others."
)

WIDE_PADDING = (
    "Pixel Padding Range Limit makes padding of most of the grey levels: the range was passed over."
)

_SIXTEEN_BITS = 2  # bytes

_STATISTICS_STEP = 3
"""Statistics use every third row and column; a radiograph still has 200,000 of them."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Displayed:
    """An image as it is shown, and what its grayscale attributes get wrong.

    ``pixels`` is float32 (rows, columns), 0 to 1, bright is dense (the polarity of MONOCHROME2);
    padding pixels are 0. ``value_range`` are the values after the modality LUT that show the image
    well as black and white, whatever it states. ``corrections`` are sentences.
    """

    pixels: npt.NDArray[np.float32]
    value_range: tuple[float, float]
    corrections: tuple[str, ...] = ()


def display(
    dataset: Dataset,
    stored: npt.NDArray[np.generic],
    *,
    is_inverted: bool = False,
    shift: int = 0,
) -> Displayed:
    """Map stored values to what is shown of them.

    Parameters
    ----------
    dataset
        The image's attributes.
    stored
        Integer (rows, columns), as decoded.
    is_inverted
        Whether the image is MONOCHROME1.
    shift
        How many bits the values were shifted right by, as Pixel Padding Value may have to be.

    Raises
    ------
    ImageRefusedError
        If the image has no contrast, or more levels than any radiograph, or its modality LUT or
        rescale can't be applied.
    """
    lowest, highest = int(stored.min()), int(stored.max())
    if highest - lowest > MOST_LEVELS:
        raise ImageRefusedError(RefusalReason.UNDECODABLE, "more than 16 bits per pixel")
    levels = np.arange(lowest, highest + 1)
    counts = _histogram(stored, lowest, len(levels))
    padding, padded = _padding_levels(dataset, levels, counts, shift)
    counts[padding] = 0
    _require_contrast(levels, counts)
    rescale = read_modality(dataset, lowest, highest)
    modality = rescale.apply(levels)
    _require_difference(modality, counts)
    table, said = _display_table(dataset, modality, counts)
    if table[0] > table[-1] and not _is_meant(dataset, is_inverted=is_inverted):
        said += (TURNED,)
    if is_inverted:
        table = 1 - table
    table[padding] = 0
    return Displayed(
        pixels=looked_up(table.astype(np.float32), stored, lowest),
        value_range=_quantiles(modality, _without_lone_ends(modality, counts), ROBUST_PERCENTILES),
        corrections=(*padded, *rescale.corrections, *said),
    )


def looked_up(
    table: npt.NDArray[np.float32], stored: npt.NDArray[np.generic], lowest: int
) -> npt.NDArray[np.float32]:
    """The entry of a table for each stored value, the first one for ``lowest``: float32.

    16 bits, signed or not, are what radiographs have, and what OpenCV looks up ten times as fast.
    """
    if stored.dtype.kind not in "iu" or stored.dtype.itemsize != _SIXTEEN_BITS:
        return np.asarray(table[stored.astype(np.int64) - lowest])
    # A signed value is looked up by its bit pattern, which is that of the value modulo 2^16.
    whole = np.zeros(MOST_LEVELS, dtype=np.float32)
    whole[np.arange(lowest, lowest + len(table)) % MOST_LEVELS] = table
    # OpenCV knows the machine's own order of bytes alone.
    native = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("="))
    return np.asarray(cv2.LUT(native.view(np.uint16), whole))


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


def _padding_levels(
    dataset: Dataset, levels: npt.NDArray[np.int_], counts: npt.NDArray[np.int_], shift: int
) -> tuple[npt.NDArray[np.bool_], tuple[str, ...]]:
    """Which levels are padding (PS3.3 C.7.5.1.1.2): in stored values, before any LUT.

    A range that takes most of the levels that occur is a mistake, which is said.
    """
    none = np.zeros(levels.shape, dtype=np.bool_)
    try:
        first = integer(dataset, "PixelPaddingValue")
        last = integer(dataset, "PixelPaddingRangeLimit")
    except UnreadableValueError:
        first = last = None
    if first is None:
        return none, ()
    ends = [_as_level(end, levels, shift) for end in (first, first if last is None else last)]
    padding = (levels >= min(ends)) & (levels <= max(ends))
    taken = np.count_nonzero(counts[padding])
    if taken > 1 and taken > MOST_PADDING * np.count_nonzero(counts):
        return none, (WIDE_PADDING,)
    if last is None and _is_amid(levels, counts, ends[0]):
        return none, (AMID,)
    return np.asarray(padding), ()


def _is_amid(levels: npt.NDArray[np.int_], counts: npt.NDArray[np.int_], padding: int) -> bool:
    """Whether a padding value is a grey level like those beside it, with many pixels around."""
    place = padding - int(levels[0])
    if not 0 <= place < len(levels) or not counts[place]:
        return False
    below, above = counts[:place].sum(), counts[place + 1 :].sum()
    beside = counts[max(0, place - NEAR) : place + NEAR + 1]
    others, places = int(beside.sum() - counts[place]), len(beside) - 1
    stands_out = int(counts[place]) * places > STANDS_OUT * others
    return bool(not stands_out and min(below, above) > BESIDE_PADDING * (below + above))


def _as_level(value: int, levels: npt.NDArray[np.int_], shift: int) -> int:
    """A value as stated, or with the other sign or shifted where only that occurs."""
    candidates = (value, value >> shift, value - MOST_LEVELS, value + MOST_LEVELS)
    return next((each for each in candidates if levels[0] <= each <= levels[-1]), value)


def _require_contrast(levels: npt.NDArray[np.int_], counts: npt.NDArray[np.int_]) -> None:
    if not counts.any():
        raise ImageRefusedError(RefusalReason.EMPTY_EXPOSURE, "all pixels are padding")
    low, high = _quantiles(levels.astype(np.float64), counts, ROBUST_PERCENTILES)
    if high - low < LEAST_LEVELS:
        raise ImageRefusedError(
            RefusalReason.EMPTY_EXPOSURE, f"fewer than {LEAST_LEVELS} grey levels are used"
        )


def _require_difference(modality: FloatArray, counts: npt.NDArray[np.int_]) -> None:
    """Levels that occur must not all become one by the modality LUT or the rescale."""
    low, high = _quantiles(modality, counts, ROBUST_PERCENTILES)
    if not high > low:
        raise ImageRefusedError(
            RefusalReason.INVALID_LUT,
            "the modality LUT or rescale makes one value of every pixel; correct it at the sender",
        )


def _histogram(stored: npt.NDArray[np.generic], lowest: int, levels: int) -> npt.NDArray[np.int_]:
    sparse = stored[::_STATISTICS_STEP, ::_STATISTICS_STEP].astype(np.int64).ravel() - lowest
    return np.bincount(sparse, minlength=levels)


def _display_table(
    dataset: Dataset, modality: FloatArray, counts: npt.NDArray[np.int_]
) -> tuple[FloatArray, tuple[str, ...]]:
    """Display value, 0 to 1, of each level, before the polarity is applied.

    VOI LUT and windows are alternative views (PS3.3 C.11.2.1.2): where the first does not fit, the
    second may.
    """
    chosen, said = _voi_lut(dataset, modality)
    if chosen is not None and _is_absurd(chosen, counts):
        chosen, said = None, (*said, UNFIT_LUT)
    if chosen is None:
        chosen, more = _first_window(dataset, modality)
        said += more
        if chosen is not None and _is_absurd(chosen, counts):
            chosen, said = None, (*said, UNFIT_WINDOW)
    if chosen is None:
        others = _without_lone_ends(modality, counts)
        said += (LONE_END,) if others is not counts else ()
        low, high = _quantiles(modality, others, ROBUST_PERCENTILES)
        chosen = np.clip((modality - low) / (high - low), 0, 1)
    return chosen, said


def _is_meant(dataset: Dataset, *, is_inverted: bool) -> bool:
    """Whether a grey scale that is turned around shows dense tissue bright, by its own header.

    Pixel Intensity Relationship Sign (0028,1041) is 1 where low values are of little beam, and so
    of dense tissue, and -1 where high values are.
    """
    try:
        sign = integer(dataset, "PixelIntensityRelationshipSign")
    except UnreadableValueError:
        return False
    return sign == (-1 if is_inverted else 1)


def _without_lone_ends(modality: FloatArray, counts: npt.NDArray[np.int_]) -> npt.NDArray[np.int_]:
    """Leave out an end of the scale that alone would take more than half of what is shown."""
    occurring = np.flatnonzero(counts)
    for end in (occurring[0], occurring[-1]):
        if counts[end] * 100 < ROBUST_PERCENTILES[0] * counts.sum():
            continue
        others = counts.copy()
        others[end] = 0
        if np.count_nonzero(others) < LEAST_LEVELS:
            continue
        low, high = _quantiles(modality, others, ROBUST_PERCENTILES)
        if max(low - modality[end], modality[end] - high) > high - low > 0:
            counts = others
    return counts


def _voi_lut(dataset: Dataset, modality: FloatArray) -> tuple[FloatArray | None, tuple[str, ...]]:
    """The first VOI LUT, scaled to 0 to 1, or None where there is none that can be applied."""
    items = dataset.get("VOILUTSequence")
    if not items:
        return None, ()
    try:
        table = read_lookup_table(items[0], float(modality.min()), float(modality.max()))
    except InvalidLutError as error:
        return None, (f"The VOI LUT cannot be applied ({error}): it was passed over.",)
    shown = np.clip(table.apply(modality) / (2**table.bits - 1), 0, 1)
    return np.asarray(shown), table.corrections


def _first_window(
    dataset: Dataset, modality: FloatArray
) -> tuple[FloatArray | None, tuple[str, ...]]:
    """The first of several windows, or None where there is none that can be used."""
    try:
        center, width = (numbers(dataset, f"Window{part}") for part in ("Center", "Width"))
    except UnreadableValueError:
        return None, ("The window cannot be read: the image was shown by its pixels.",)
    if not center.values and not width.values:
        return None, ()
    if not center.values or not width.values:
        return None, (UNFIT_WINDOW,)
    has_comma = center.has_comma or width.has_comma
    said = ("The window has decimal commas, and was read so.",) if has_comma else ()
    function = word(dataset, "VOILUTFunction") or "LINEAR"
    try:
        shown = window(modality, center=center.values[0], width=width.values[0], function=function)
    except ValueError:
        return None, (*said, UNFIT_WINDOW)
    return shown, said


def _is_absurd(shown: FloatArray, counts: npt.NDArray[np.int_]) -> bool:
    low, high = _quantiles(shown, counts, (1, 99))
    clipped = counts[(shown < SHADE) | (shown > 1 - SHADE)].sum() / counts.sum()
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
