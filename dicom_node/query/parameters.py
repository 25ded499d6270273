"""The query parameters of a search (PS3.18 Section 8.3.4), for QIDO-RS and UPS-RS alike."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pydicom.datadict import dictionary_has_tag, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.tag import BaseTag, Tag

from dicom_node.query.errors import UnusableQueryError
from dicom_node.query.keys import tag_of, vr_of
from dicom_node.query.matching import Key
from dicom_node.query.moments import check_offset
from dicom_node.query.reading import DEEPEST, MOST_KEYS, Query, Rules, make_key

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_NUMBER = re.compile(r"[0-9]{1,9}")
_LONGEST_NAME = 512
_BOOLEANS = frozenset({"fuzzymatching", "emptyvaluematching", "multiplevaluematching"})
# Says in which form results are wanted, for clients that set no header (PS3.18 8.3.3.1).
_ACCEPT = "accept"
_TIMEZONE = tag_of("TimezoneOffsetFromUTC")


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search: its query, and which of the matches are wanted.

    ``everything``: answers hold all that is known.
    """

    query: Query
    limit: int
    offset: int
    everything: bool = False


@dataclass(slots=True)
class _Branch:
    """The keys of one level of nesting, while parameters are read."""

    values: dict[BaseTag, list[str]] = field(default_factory=dict)
    below: dict[BaseTag, "_Branch"] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a service reads searches.

    ``always`` names what every answer holds; ``usual`` is the limit where none is given and
    ``most`` the largest; ``combined`` says whether ranges of dates and times are taken as one.
    """

    always: Sequence[str] = ()
    most: int
    usual: int = 0
    combined: bool = False


def read_search(parameters: Iterable[tuple[str, str]], reading: Reading) -> Search:
    """Read the parameters of a search.

    Raises
    ------
    UnusableQueryError
        A parameter names no attribute, has a value that cannot be one of it, or is too much.
    """
    controls: dict[str, str] = {}
    root = _Branch()
    fields: list[str] = []
    for count, (name, value) in enumerate(parameters, start=1):
        if count > MOST_KEYS:
            raise UnusableQueryError(f"the search has more than {MOST_KEYS} parameters")
        control = name.lower()
        if name == _ACCEPT:
            continue
        if control == "includefield":
            fields += value.split(",")
        elif control in _BOOLEANS or control in ("limit", "offset"):
            controls.setdefault(control, value)
        else:
            _add(root, name, value)
    for name in (*reading.always, *(each for each in fields if each and each != "all")):
        _add(root, name, "")
    rules = Rules(
        combined=reading.combined,
        empty=_boolean(controls, "emptyvaluematching"),
        every=_boolean(controls, "multiplevaluematching"),
        fuzzy=_boolean(controls, "fuzzymatching"),
    )
    offset = check_offset("".join(root.values.get(_TIMEZONE, [])[:1]))
    return Search(
        query=Query(keys=_keys(root, rules, offset), asked=_asked(root), rules=rules),
        limit=min(reading.most, _number(controls, "limit", reading.usual or reading.most)),
        offset=_number(controls, "offset", 0),
        everything="all" in fields,
    )


def _number(controls: dict[str, str], name: str, default: int) -> int:
    value = controls.get(name)
    if value is None:
        return default
    if not _NUMBER.fullmatch(value):
        raise UnusableQueryError(f"{name} is a whole number of at most 9 digits")
    return int(value)


def _boolean(controls: dict[str, str], name: str) -> bool:
    value = controls.get(name, "false")
    if value not in ("true", "false"):
        raise UnusableQueryError(f"{name} is true or false")
    return value == "true"


def _add(root: _Branch, name: str, value: str) -> None:
    """Note a value below the sequences that lead to its attribute."""
    *path, last = _tags(name)
    branch = root
    for tag in path:
        if vr_of(tag) != "SQ":
            raise UnusableQueryError(f"({tag.group:04X},{tag.element:04X}) is not a sequence")
        branch = branch.below.setdefault(tag, _Branch())
    if vr_of(last) == "SQ":
        if value and value != '""':
            raise UnusableQueryError("a sequence is matched by the attributes in it")
        branch.below.setdefault(last, _Branch())
    if vr_of(last) != "SQ" or value:
        branch.values.setdefault(last, []).extend(_values(vr_of(last), value))


def _tags(name: str) -> list[BaseTag]:
    parts = name.split(".") if len(name) <= _LONGEST_NAME else []
    if not 0 < len(parts) <= DEEPEST:
        raise UnusableQueryError("a parameter's name is too long")
    return [_tag(part) for part in parts]


def _tag(name: str) -> BaseTag:
    found = int(name, 16) if _TAG.fullmatch(name) else tag_for_keyword(name)
    if found is None or not dictionary_has_tag(found):
        shown = name if re.fullmatch(r"[A-Za-z0-9]{1,64}", name) else "a parameter"
        raise UnusableQueryError(f"{shown} names no DICOM attribute that can be searched for")
    return Tag(found)


def _values(vr: str, value: str) -> list[str]:
    """Return the values of a parameter; lists of UIDs may be separated by commas."""
    separated = value.replace(",", "\\") if vr == "UI" else value
    return [each.strip(" ") for each in separated.split("\\")] if value else []


def _keys(branch: _Branch, rules: Rules, offset: str) -> tuple[Key, ...]:
    plain = (
        make_key(tag, vr_of(tag), values, rules, offset)
        for tag, values in branch.values.items()
        if tag != _TIMEZONE and vr_of(tag) != "SQ"
    )
    empty = [
        Key(tag=tag, vr="SQ", empty=True)
        for tag, values in branch.values.items()
        if values and vr_of(tag) == "SQ"
    ]
    if empty and not rules.empty:
        raise UnusableQueryError("a sequence is matched by the attributes in it")
    nested = (
        Key(tag=tag, vr="SQ", keys=keys)
        for tag, below in branch.below.items()
        if (keys := _keys(below, rules, offset))
    )
    return tuple(key for key in (*plain, *empty, *nested) if key is not None)


def _asked(branch: _Branch) -> Dataset:
    """Return the attributes that were named, valueless, nested as they were."""
    asked = Dataset()
    for tag in branch.values:
        if vr_of(tag) != "SQ":
            asked.add_new(tag, vr_of(tag), None)
    for tag, below in branch.below.items():
        inner = _asked(below)
        asked.add_new(tag, "SQ", Items([inner] if len(inner) else []))
    return asked
