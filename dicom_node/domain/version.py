"""Versions of administered entries: whoever changes one says which version they have seen."""

import hashlib
import json
from collections.abc import Set
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_LENGTH = 16


def version_of(entry: "DataclassInstance") -> str:
    """Return what tells one state of an entry from another; equal entries have the same."""
    written = json.dumps(asdict(entry), default=_plain, sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:_LENGTH]


def _plain(value: object) -> object:
    return sorted(value) if isinstance(value, Set) else str(value)
