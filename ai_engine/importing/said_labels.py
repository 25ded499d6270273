"""The labels that an ONNX file names in its metadata, in whichever form its writer puts them."""

import ast
import json
from collections.abc import Mapping
from typing import Any

LABEL_KEYS = ("labels", "classes", "class_names", "names")
"""Keys under which writers put the labels."""

LONGEST = 100_000
"""Characters of such a text; more are no labels."""


def said_labels(metadata: Mapping[str, str]) -> tuple[str, ...]:
    """The labels in the outputs' order; none where nothing is said that can be read.

    They are a list, a table of names by number or of numbers by name (``class_to_idx``), in JSON or
    as Python writes it (``{0: 'Normal'}``), or names with commas between.
    """
    text = next((metadata[key] for key in LABEL_KEYS if metadata.get(key)), "")[:LONGEST]
    found = _read(text)
    if found is None:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(found, dict):
        found = _in_order(found)
    if isinstance(found, list | tuple) and all(isinstance(each, str | int) for each in found):
        return tuple(str(each) for each in found)
    return ()


def _read(text: str) -> Any:
    for reads in (json.loads, ast.literal_eval):
        try:
            return reads(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def _in_order(table: dict[Any, Any]) -> list[Any]:
    """The names of a table by number; either side may be the numbers."""
    if all(isinstance(each, int) for each in table.values()) and not all(map(_number, table)):
        return sorted(table, key=table.__getitem__)
    return [table[each] for each in sorted(table, key=lambda key: _number(key) or (0, str(key)))]


def _number(key: Any) -> tuple[int, str] | None:
    return (int(key), "") if str(key).isdecimal() else None
