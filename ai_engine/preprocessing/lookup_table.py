"""Lookup tables of modality and VOI (PS3.3 C.11.1.1, C.11.2.1.1), also as they shouldn't be stored.

LUT Descriptor and LUT Data are of 16 bits whose sign depends on other attributes; senders write
them as SS where they are US, and as US where they are SS.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom import Dataset
from pydicom.dataelem import RawDataElement

from ai_engine.preprocessing.header_values import UnreadableValueError, numbers

FloatArray = npt.NDArray[np.float64]

_WORD = 1 << 16
_DEEPEST = 16

READ_UNSIGNED = "LUT Data was read as unsigned, unlike stored."
READ_SIGNED = "LUT Data was read as signed, unlike stored."


class InvalidLutError(Exception):
    """A table that cannot be applied; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LookupTable:
    """``values`` of the inputs from ``first`` on; ``bits`` is the depth of the values."""

    first: int
    values: FloatArray
    bits: int
    corrections: tuple[str, ...] = ()

    def apply(self, inputs: npt.NDArray[np.generic]) -> FloatArray:
        """Look values up; those below or above the table have its first or last value."""
        places = np.clip(np.rint(inputs.astype(np.float64)) - self.first, 0, len(self.values) - 1)
        return np.asarray(self.values[places.astype(np.int64)])


def read_lookup_table(item: Dataset, lowest: float, highest: float) -> LookupTable:
    """Read an item of a LUT sequence.

    Parameters
    ----------
    item
        With LUT Descriptor (0028,3002) and LUT Data (0028,3006).
    lowest, highest
        The inputs that occur: they tell how the first input's sign is meant.

    Raises
    ------
    InvalidLutError
        Either is missing or unreadable, or they contradict each other.
    """
    try:
        descriptor = numbers(item, "LUTDescriptor").values
    except UnreadableValueError:
        descriptor = ()
    if len(descriptor) != 3 or not all(part.is_integer() for part in descriptor):
        raise InvalidLutError("LUT Descriptor is not three whole numbers")
    count, stated, bits = (int(part) for part in descriptor)
    count = count % _WORD or _WORD
    if not 1 <= bits <= _DEEPEST:
        raise InvalidLutError("LUT Descriptor has a depth that no table has")
    words = _data(item, count)
    first = _first_input(stated, count, lowest, highest)
    words, order = _ordered_as_meant(words)
    values, said = _signed_as_meant(words)
    said = (*order, *said)
    if values.max() - values.min() >= 1 << bits:
        said += (f"LUT Data is deeper than the {bits} bits of LUT Descriptor.",)
        bits = _DEEPEST
    if first != stated:
        said += ("The first input of LUT Descriptor has the wrong sign.",)
    return LookupTable(first=first, values=values, bits=bits, corrections=said)


def _data(item: Dataset, count: int) -> npt.NDArray[np.int64]:
    """LUT Data as stored: words, or bytes where there are as many as entries."""
    if "LUTData" not in item:
        raise InvalidLutError("LUT Data is missing")
    element = item.get_item("LUTData")
    if isinstance(element.value, bytes):
        little = element.is_little_endian if isinstance(element, RawDataElement) else True
        signed = element.VR == "SS"
        words = _from_bytes(element.value, count, little_endian=little, signed=signed)
    else:
        stored = np.array(list(element.value or ()) if hasattr(element.value, "__iter__") else [])
        if stored.dtype.kind not in "iu":
            raise InvalidLutError("LUT Data is not whole numbers")
        words = stored.astype(np.int64)
    if len(words) < count:
        raise InvalidLutError("LUT Data has fewer entries than LUT Descriptor states")
    return words[:count]


def _from_bytes(
    data: bytes, count: int, *, little_endian: bool, signed: bool
) -> npt.NDArray[np.int64]:
    if len(data) in {count, count + 1} and len(data) != 2 * count:
        return np.frombuffer(data, np.uint8).astype(np.int64)
    whole = data[: len(data) // 2 * 2]
    kind = ("<" if little_endian else ">") + ("i2" if signed else "u2")
    return np.frombuffer(whole, kind).astype(np.int64)


def _first_input(stated: int, count: int, lowest: float, highest: float) -> int:
    """The first input as stated, or with the other sign where only that meets the inputs."""

    def met(first: int) -> float:
        return min(first + count - 1, highest) - max(first, lowest)

    other = stated - _WORD if stated >= _WORD // 2 else stated + _WORD
    swapped = stated < 0 or stated >= _WORD // 2
    return other if swapped and met(other) > met(stated) and met(stated) < 0 else stated


def _ordered_as_meant(
    words: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
    """Words as stored, or with their bytes in the other order where only then they rise or fall."""
    other = (words % _WORD).astype(np.uint16).byteswap().astype(np.int64)
    if not _is_monotone(words) and _is_monotone(other) and other[0] != other[-1]:
        return other, ("LUT Data has its bytes in the other order, and was read so.",)
    return words, ()


def _is_monotone(words: npt.NDArray[np.int64]) -> bool:
    """Whether values only rise or only fall, taken as signed or as unsigned."""
    signed = (words + _WORD // 2) % _WORD - _WORD // 2
    steps = (np.diff(words), np.diff(signed))
    return any(bool((each >= 0).all() or (each <= 0).all()) for each in steps)


def _signed_as_meant(words: npt.NDArray[np.int64]) -> tuple[FloatArray, tuple[str, ...]]:
    """Values as stored, or with the other sign where only then the table does not jump."""
    if words.min() >= 0 and words.max() < _WORD // 2:
        return words.astype(np.float64), ()
    was_signed = bool(words.min() < 0)
    other = words % _WORD if was_signed else (words + _WORD // 2) % _WORD - _WORD // 2
    if _largest_step(other) < _largest_step(words) // 4:
        return other.astype(np.float64), (READ_UNSIGNED if was_signed else READ_SIGNED,)
    return words.astype(np.float64), ()


def _largest_step(words: npt.NDArray[np.int64]) -> int:
    return int(np.abs(np.diff(words)).max(initial=0))
