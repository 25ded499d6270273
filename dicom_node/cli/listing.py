"""Lists for programs: what a command shows as a table, as JSON with all that is known of each."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Set
from datetime import date, datetime
from enum import Enum
from typing import Annotated, Any

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print a JSON list, for programs.")]


def write_json(values: Iterable[object]) -> None:
    """Print values as one JSON list: dataclasses as objects, sets in order, times in ISO 8601."""
    typer.echo(json.dumps([plain(each) for each in values], indent=2, ensure_ascii=False))


def plain(value: object) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, Enum):
        # Of numbers, such as priorities, people know the names.
        return value.value if isinstance(value.value, str) else value.name.lower()
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        shown = (each for each in dataclasses.fields(value) if each.repr)
        return {each.name: plain(getattr(value, each.name)) for each in shown}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(each) for key, each in value.items()}
    if isinstance(value, (tuple, list, Set)):
        listed = [plain(each) for each in value]
        return sorted(listed, key=str) if isinstance(value, Set) else listed
    return value.isoformat() if isinstance(value, (date, datetime)) else str(value)
