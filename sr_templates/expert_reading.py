"""What experts say of a report, as the templates take it."""

from dataclasses import dataclass
from datetime import datetime

from ai_engine.ct.results import Pattern, Severity, Side
from ai_engine.prediction import Code, Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Observer:
    """A person who has read; ``name`` is a DICOM person name (PS3.5 6.2)."""

    name: str
    organisation: str
    may_verify: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """Whether one finding is on one image, by an expert; ``present`` None: it cannot be told.

    ``reported_as`` is the code under which the predecessor outlines it, which differs from
    ``code`` where the expert calls it something else; None where it has no outline there.
    ``box`` replaces those outlines. ``probability`` and ``threshold`` are the model's, where it
    judged this finding. ``words`` say how the statement came about.
    """

    image_uid: str
    frame_number: int | None
    title: str
    code: Code
    site: Code | None
    present: bool | None
    words: str
    probability: float | None = None
    threshold: float | None = None
    reported_as: Code | None = None
    laterality: str = ""
    box: Region | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertReading:
    """A verdict on a report: who says what, and when. ``decided_at`` is aware.

    All ``observers`` stand behind the statements, which are the ``speaker``'s. ``correction`` says
    why an earlier reading was taken back whose place this one takes; empty for a first one.
    """

    observers: tuple[Observer, ...]
    decided_at: datetime
    statements: tuple[Statement, ...]
    comment: str = ""
    correction: str = ""

    @property
    def is_verified(self) -> bool:
        """Whether somebody who may verify has read it."""
        return any(observer.may_verify for observer in self.observers)

    @property
    def speaker(self) -> Observer:
        """Whose words they are: the last observer who may verify, where nobody may the last."""
        verifying = [observer for observer in self.observers if observer.may_verify]
        return (verifying or list(self.observers))[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class LungStatement:
    """A lung's figures by an expert's word, or both lungs'; None where they cannot be told.

    ``is_changed`` tells whether the share differs from the model's, ``words`` how it came about.
    """

    side: Side
    percentage: float | None
    severity: Severity | None
    is_changed: bool
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternStatement:
    """Whether a pattern is there, by an expert; ``reported_as`` is what the predecessor calls it.

    ``present`` None: it cannot be told. ``reported_as`` None: the predecessor does not have it.
    """

    pattern: Pattern
    present: bool | None
    reported_as: Pattern | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CtStatements:
    """What an expert says of a CT's figures."""

    lungs: tuple[LungStatement, ...]
    patterns: tuple[PatternStatement, ...]
