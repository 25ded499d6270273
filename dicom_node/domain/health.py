"""Health: what is wrong with a node, how badly, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How badly something is wrong."""

    FAILING = "failing"  # the node doesn't do its work
    DEGRADED = "degraded"  # it does, but somebody has to look


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that is wrong: of which kind, in words, and what to do about it.

    ``about`` tells problems of one kind apart: a destination, a model. ``count`` is how many
    things have it, where more of them is news.
    """

    kind: str
    severity: Severity
    words: str
    advice: str = ""
    about: str = ""
    count: int = 0

    def __str__(self) -> str:
        return f"{self.words}; {self.advice}" if self.advice else self.words


def status_of(problems: Iterable[Problem]) -> str:
    """Return the status of a node with these problems: ok, degraded or failing."""
    found = {each.severity for each in problems}
    if Severity.FAILING in found:
        return Severity.FAILING.value
    return Severity.DEGRADED.value if found else "ok"
