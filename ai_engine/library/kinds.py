"""The table of kinds: the word on a card, and where the kind is described.

A new kind of model is a folder in `ai_engine.kinds` and one line here (docs/guides/new-kind.md).
The modules are imported by `ai_engine.kinds.registry` when one of a kind's parts is asked for.
"""

from collections.abc import Iterator, Mapping
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any

KINDS: Mapping[str, str] = MappingProxyType(
    {
        "classifier": "ai_engine.kinds.classifier.kind:CLASSIFIER",
        "detector": "ai_engine.kinds.detector.kind:DETECTOR",
        "dual-view": "ai_engine.kinds.dual_view.kind:DUAL_VIEW",
        "classifier-with-header": "ai_engine.kinds.with_header.kind:WITH_HEADER",
        "bone-subtraction": "ai_engine.kinds.bones.kind:BONES",
        "segmenter": "ai_engine.kinds.lungs.kind:LUNGS",
        "guard": "ai_engine.kinds.guard.kind:GUARD",
        "triage": "ai_engine.kinds.triage.kind:TRIAGE",
        "service": "ai_engine.kinds.vendor.kind:SERVICE",
        "network": "ai_engine.kinds.vendor.kind:NETWORK",
        "program": "ai_engine.kinds.program.kind:PROGRAM",
        "classical-ct": "ai_engine.ct.kind:CLASSICAL",
        "segmenter-ct": "ai_engine.ct.kind:SEGMENTER",
    }
)
"""By the word on a card (``kind = "classifier"``): ``module:attribute`` of its `ModelKind`."""


def known_kind(name: object) -> str:
    """The word of a card, if there is such a kind.

    Raises
    ------
    ValueError
        If there is none.
    """
    if not isinstance(name, str) or name not in KINDS:
        raise ValueError(f"kind {name!r} is unknown; known are {', '.join(sorted(KINDS))}")
    return name


def described_kind(name: str) -> Any:
    """The `ModelKind` of a name, imported now if it wasn't before.

    Raises
    ------
    KeyError
        If there is none; a card that was read has one.
    """
    return resolve_name(KINDS[name])


def described_kinds() -> Iterator[Any]:
    """The `ModelKind` of every kind, in the table's order."""
    return map(described_kind, KINDS)
