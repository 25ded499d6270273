"""What others say of a study: steps that modalities perform, and instances that archives have.

A Modality Performed Procedure Step (PS3.4 Annex F) says when the images of a step are all made, and
which they are; an Instance Availability Notification (PS3.4 Annex R) which of a study an archive
has. Both announce instances, against which can be counted what came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from dicom_node.errors import ConflictError, NotFoundError


class PerformedState(StrEnum):
    """Performed Procedure Step Status (0040,0252)."""

    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    DISCONTINUED = "DISCONTINUED"


class DuplicateStepError(ConflictError):
    """There is a step of that UID."""


class StepIsOverError(ConflictError):
    """The step is completed or discontinued: nothing of it changes any more."""


class UnknownStepError(NotFoundError):
    """Nobody has begun a step of that UID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnouncedInstance:
    """An instance that somebody says there is; ``retrieve_ae`` is who has it, where that is said.

    ``study_instance_uid`` is empty where the step belongs to several studies, and it is not said of
    which of them the instance is.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    retrieve_ae: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformedStep:
    """A step as its modality tells it; ``attributes`` is all that was said but the instances.

    ``studies`` are those that the step was scheduled for, mostly one; ``reporter`` is the AE title
    that told it, ``reason`` the code that it was discontinued for, in words. ``instances`` are
    None where a message says nothing of them.
    """

    uid: str
    state: PerformedState
    reporter: str
    studies: tuple[str, ...]
    reason: str
    instances: tuple[AnnouncedInstance, ...] | None
    attributes: Mapping[str, Any]


# Radiation Dose (PS3.3 Section C.4.16): tag, words and unit; of a sequence, what its items say.
_EXPOSURE = (
    ("00400300", "time of fluoroscopy", "s"),
    ("00400301", "exposures", ""),
    ("0018115E", "dose area product", "dGy·cm²"),
    ("00400302", "entrance dose", "dGy"),
    ("00408302", "entrance dose", "mGy"),
)
_EXPOSURE_DOSES = "0040030E"
_OF_EXPOSURE = (("00189345", "CTDIvol", "mGy"),)


def exposure_words(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a step's attributes, in the DICOM JSON Model, say of the patient's exposure."""
    said = [
        f"{words} {value:g} {unit}".rstrip()
        for tag, words, unit in _EXPOSURE
        for value in _numbers(attributes, tag)
    ]
    for item in _values(attributes, _EXPOSURE_DOSES):
        for tag, words, unit in _OF_EXPOSURE:
            said += [f"{words} {value:g} {unit}" for value in _numbers(item, tag)]
    return tuple(said)


def _values(attributes: Mapping[str, Any], tag: str) -> Sequence[Any]:
    values: Sequence[Any] = attributes.get(tag, {}).get("Value", ())
    return values


def _numbers(attributes: Mapping[str, Any], tag: str) -> list[float]:
    return [float(each) for each in _values(attributes, tag) if isinstance(each, int | float)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Availability:
    """One notification of which instances an archive has (PS3.4 Section R.3.2)."""

    uid: str
    reporter: str
    study_instance_uid: str
    instances: tuple[AnnouncedInstance, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesCount:
    """How many instances of a series were announced, and how many of these the node lacks."""

    series_instance_uid: str
    announced: int
    missing: int

    @property
    def has_begun(self) -> bool:
        """Whether any of it came."""
        return self.missing < self.announced


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """What was announced of a study, against what came.

    ``under_way`` says that a modality is still at it; ``discontinued`` are the reasons for which
    steps ended early, empty words where none is given.
    """

    under_way: bool = False
    discontinued: tuple[str, ...] = ()
    series: tuple[SeriesCount, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether everything is made, and everything that was announced is here."""
        return bool(self.series) and not self.under_way and not any(s.missing for s in self.series)

    @property
    def lacks(self) -> bool:
        """Whether more is sure to come: a modality is at it, or a series has come in part.

        A series of which nothing came may have been sent to others only.
        """
        return self.under_way or any(each.missing and each.has_begun for each in self.series)


NOTHING_ANNOUNCED = Announced()


class PerformedBook(Protocol):
    """What others say of studies, durable."""

    def begin(self, step: PerformedStep, *, at: datetime) -> None:
        """Record a step that a modality has begun.

        Raises
        ------
        DuplicateStepError
            There is one of that UID.
        """

    def step(self, uid: str) -> PerformedStep:
        """Return a step, without the instances that it announces.

        Raises
        ------
        UnknownStepError
            There is none of that UID.
        """

    def change(self, step: PerformedStep, *, at: datetime) -> None:
        """Record what a modality says now of a step that it has begun.

        Raises
        ------
        StepIsOverError
            It said before that it had ended.
        """

    def available(self, told: Availability, *, at: datetime) -> None:
        """Record which instances an archive has; told twice, it counts once."""

    def announced(self, study_instance_uid: str) -> Announced:
        """Return what was announced of a study, against what came."""
