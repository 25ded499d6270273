"""Reads administered entries from what people and programs have written, field by field."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from dicom_node.errors import InvalidFieldsError

T = TypeVar("T")
# What pydantic calls them, in words that say what to write.
_WORDS = {
    "missing": "this is needed.",
    "int_parsing": "write a whole number.",
    "int_from_float": "write a whole number.",
    "int_parsing_size": "this number is too long.",
    "int_type": "write a whole number.",
    "float_parsing": "write a number.",
    "float_type": "write a number.",
    "bool_parsing": "write true or false.",
    "extra_forbidden": "there is no such field.",
    "unexpected_keyword_argument": "there is no such field.",
}

UNSEEN = "there is a character in this that cannot be seen: write it anew."
_LINES = "\t\n\r"
# Control characters, and halves of pairs (surrogates), which no database takes.
_CONTROLS = frozenset({"Cc", "Cs"})
# What turns the order of others around (UAX #9), and what has no width and joins nothing.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_EMPTY = frozenset("\u200b\u2060\ufeff")


def read_entry(adapter: TypeAdapter[T], values: Mapping[str, Any], subject: str) -> T:
    """Return the entry that ``values`` describe.

    Raises
    ------
    InvalidFieldsError
        When fields cannot be used; it says of each why.
    """
    if wrong := {name: UNSEEN for name, value in values.items() if _is_unseen(value)}:
        raise InvalidFieldsError(subject, wrong)
    try:
        return adapter.validate_python(values, extra="forbid")
    except ValidationError as error:
        raise InvalidFieldsError(subject, field_words(error.errors())) from error


def written(adapter: TypeAdapter[T], entry: T) -> dict[str, Any]:
    """Return an entry as JSON has it; sets in order, so that equal entries are written alike."""
    found: dict[str, Any] = adapter.dump_python(entry, mode="json")
    return {
        name: sorted(value) if isinstance(getattr(entry, name), frozenset) else value
        for name, value in found.items()
    }


def field_words(errors: Sequence[ErrorDetails]) -> dict[str, str]:
    """Return what is wrong with each field, the first thing where there are several."""
    found: dict[str, str] = {}
    for each in errors:
        name = next((part for part in each["loc"] if isinstance(part, str)), "")
        found.setdefault(name, _words(each))
    return found


def has_unseen(text: str, *, lines: bool = True) -> bool:
    """Whether a text has characters that nobody sees, or that hide how it is written.

    Joiners of letters and of pictures, wide spaces and unbreakable ones are none: many write them.
    ``lines``: it may have several.
    """
    allowed = _LINES if lines else ""
    return any(
        each in _TURNING
        or each in _EMPTY
        or (unicodedata.category(each) in _CONTROLS and each not in allowed)
        for each in text
    )


def _is_unseen(value: Any) -> bool:
    texts = [value] if isinstance(value, str) else value if isinstance(value, list | tuple) else ()
    return any(has_unseen(text) for text in texts if isinstance(text, str))


def _words(error: ErrorDetails) -> str:
    if error["type"] == "enum":
        return f"use {error.get('ctx', {}).get('expected', 'one of those that there are')}."
    return _WORDS.get(error["type"], f"{error['msg']}.")
