"""Query parameters of a search as a data set of keys (PS3.18 Section 8.3.4)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_NUMBERS = re.compile(r"\d{1,9}")


class BadQueryError(ValueError):
    """A query parameter that is not understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search: its keys, and which of the matches are wanted."""

    keys: Dataset
    limit: int
    offset: int


def read_search(
    parameters: Iterable[tuple[str, str]], *, always: Iterable[str], most: int
) -> Search:
    """Read the parameters of a search; ``always`` names what every answer holds.

    Raises
    ------
    BadQueryError
        A parameter names no attribute, or has a value that cannot be one of it.
    """
    keys, limit, offset = Dataset(), most, 0
    for keyword in always:
        _add(keys, [keyword], "")
    for name, value in parameters:
        if name == "limit":
            limit = min(most, _number(name, value))
        elif name == "offset":
            offset = _number(name, value)
        elif name == "includefield":
            for field in value.split(","):
                if field != "all":
                    _add(keys, field.split("."), "")
        elif name == "fuzzymatching":
            if value not in ("true", "false"):
                raise BadQueryError("fuzzymatching is true or false")
        else:
            _add(keys, name.split("."), value)
    return Search(keys=keys, limit=limit, offset=offset)


def _number(name: str, value: str) -> int:
    if not _NUMBERS.fullmatch(value):
        raise BadQueryError(f"{name} is not a number")
    return int(value)


def _add(keys: Dataset, path: list[str], value: str) -> None:
    """Set a key, making the sequences that lead to it."""
    keyword = _keyword(path[0])
    vr = dictionary_VR(keyword)
    if len(path) == 1:
        if vr == "SQ":
            keys.setdefault(keyword, Sequence())
        elif value or keyword not in keys:
            # What cannot be matched is refused by the matching, and not logged with its value.
            keys.add(DataElement(keyword, vr, _value(vr, value), validation_mode=IGNORE))
        return
    if vr != "SQ":
        raise BadQueryError(f"{keyword} is not a sequence")
    sequence = keys.get(keyword)
    if not sequence:
        sequence = Sequence([Dataset()])
        setattr(keys, keyword, sequence)
    _add(sequence[0], path[1:], value)


def _keyword(name: str) -> str:
    tag = Tag(int(name, 16)) if _TAG.fullmatch(name) else tag_for_keyword(name)
    keyword = keyword_for_tag(tag) if tag is not None else ""
    if not keyword:
        raise BadQueryError(f"{name[:64]!r} names no attribute")
    return keyword


def _value(vr: str, value: str) -> str | list[str]:
    """Return a value; lists of UIDs may be separated by commas (PS3.18 Section 8.3.4.1)."""
    return value.replace("\\", ",").split(",") if vr == "UI" and value else value
