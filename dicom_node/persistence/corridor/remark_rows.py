"""Remarks in rows: one for each image and kind, whose details hold all that was said so."""

from collections.abc import Iterable

_BETWEEN = "\n"


def joined(details: Iterable[str]) -> str:
    """Return what a row holds of the sentences of one image and kind."""
    return _BETWEEN.join(dict.fromkeys(details))


def details_of(held: str) -> list[str]:
    """Return the sentences that a row holds."""
    return held.split(_BETWEEN)
