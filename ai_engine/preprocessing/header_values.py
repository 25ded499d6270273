"""Numbers and words of a header as they are stored, valid or not.

pydicom turns a value into a number where it is asked for, and raises where it cannot; senders write
decimal commas, blanks and other value representations than the Standard's (PS3.5 Section 6.2).
"""

import math
import re
import struct
from dataclasses import dataclass
from types import MappingProxyType

from pydicom import Dataset
from pydicom.datadict import dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_BINARY = MappingProxyType(
    {
        "US": "H",
        "SS": "h",
        "UL": "I",
        "SL": "i",
        "UV": "Q",
        "SV": "q",
        "FL": "f",
        "FD": "d",
        # Where pydicom cannot know the sign; LUT data are the only words that are asked for.
        "US or SS": "H",
        "US or OW": "H",
        "US or SS or OW": "H",
        "OW": "H",
    }
)
_UNKNOWN = (None, "UN", "??")


class UnreadableValueError(ValueError):
    """An attribute whose value is there and is no number; ``keyword`` names it."""

    def __init__(self, keyword: str) -> None:
        super().__init__(f"{keyword} is not a number")
        self.keyword = keyword


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The numbers of an attribute; ``has_comma`` where one was written with a decimal comma."""

    values: tuple[float, ...] = ()
    has_comma: bool = False


def numbers(dataset: Dataset, keyword: str) -> Numbers:
    """Read an attribute's numbers, none where it is absent or empty.

    A decimal comma is read as a point, unless it could as well separate thousands.

    Raises
    ------
    UnreadableValueError
        A value is not a finite number.
    """
    parts = _parts(dataset, keyword)
    values = tuple(_number(part, keyword) for part in parts)
    return Numbers(values=values, has_comma=any("," in part for part in parts))


def integer(dataset: Dataset, keyword: str) -> int | None:
    """Read an attribute's one whole number, None where it is absent or empty.

    Raises
    ------
    UnreadableValueError
        It isn't one whole number.
    """
    values = numbers(dataset, keyword).values
    if not values:
        return None
    if len(values) > 1 or not values[0].is_integer():
        raise UnreadableValueError(keyword)
    return int(values[0])


def word(dataset: Dataset, keyword: str) -> str:
    """Read a coded string in upper case, without blanks around it; "" where it has none.

    Of several values the backslash stands between.
    """
    if keyword not in dataset:
        return ""
    value = dataset.get_item(keyword).value
    if isinstance(value, bytes):
        text = value.decode("latin-1")
    elif isinstance(value, str) or not hasattr(value, "__iter__"):
        text = str(value or "")
    else:
        text = "\\".join(map(str, value))
    return " ".join(text.replace("\0", " ").upper().split())


def _parts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    if keyword not in dataset:
        return ()
    element = dataset.get_item(keyword)
    value = element.value
    if isinstance(value, bytes):
        stated = dictionary_VR(Tag(keyword)) if element.VR in _UNKNOWN else element.VR
        little = element.is_little_endian if isinstance(element, RawDataElement) else True
        return _decoded(value, str(stated), keyword, little_endian=little)
    if value is None or isinstance(value, str):
        return _split(value or "")
    if hasattr(value, "__iter__"):
        return tuple(str(part) for part in value)
    return (str(value),)


def _decoded(value: bytes, vr: str, keyword: str, *, little_endian: bool) -> tuple[str, ...]:
    code = _BINARY.get(vr)
    if code is None:
        return _split(value.decode("latin-1"))
    size = struct.calcsize(code)
    if len(value) % size:
        raise UnreadableValueError(keyword)
    order = "<" if little_endian else ">"
    return tuple(map(str, struct.unpack(f"{order}{len(value) // size}{code}", value)))


def _split(text: str) -> tuple[str, ...]:
    parts = tuple(part.strip(" \0\t\r\n") for part in text.split("\\"))
    return parts if any(parts) else ()


def _number(part: str, keyword: str) -> float:
    text = part.replace(",", ".") if _is_decimal_comma(part) else part
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(number):
        raise UnreadableValueError(keyword)
    return number


def _is_decimal_comma(part: str) -> bool:
    return part.count(",") == 1 and "." not in part and not _THOUSANDS.fullmatch(part)
