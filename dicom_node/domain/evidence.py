"""Evidence: the DICOM objects that say what a model found."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sr_templates.evidence_kind import EvidenceKind


class EvidenceSet(StrEnum):
    """Which of a job's objects are delivered together."""

    RESULT = "result"  # what the model said
    FAILURE = "failure"  # that there is no result, and why
    VERDICT = "verdict"  # what an expert said of it
    TAKEN_BACK = "taken back"  # what an expert had said before the verdict was re-opened


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceObject:
    """One result object in the archive.

    ``problems`` is what the gate found wrong with it; an object with problems is held: kept and
    listed, never sent. ``path`` is empty where retention has removed the file: the object is where
    it was sent, and not here.
    """

    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    kind: EvidenceKind
    job_id: str
    path: str
    problems: tuple[str, ...] = ()
    evidence_set: EvidenceSet = EvidenceSet.RESULT

    @property
    def is_held(self) -> bool:
        """Whether the gate keeps this object back."""
        return bool(self.problems)

    @property
    def is_removed(self) -> bool:
        """Whether its file was removed here."""
        return not self.path

    @property
    def is_here(self) -> bool:
        """Whether it can be sent and shown: not held, and not removed."""
        return not self.is_held and not self.is_removed


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeObjects:
    """How many objects of one kind a model has made of a study; held ones are not counted."""

    model_name: str
    model_version: str
    kind: EvidenceKind
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A kind of evidence that a job has none of, and why.

    Its images cannot carry it, or it is what the model is for and no destination wants it.
    """

    job_id: str
    kind: EvidenceKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Substitute:
    """What a destination got in the place of an object, and why, in words.

    Its class is another where the destination does not take the object's. It is the same where the
    object refers to others that were replaced there. ``rendition`` names the language and layout in
    which it stands there (`sr_templates.rendition`); empty where they are everybody's. ``path`` is
    empty where retention has removed the file.
    """

    destination: str
    sop_instance_uid: str
    job_id: str
    sent_instance_uid: str
    sent_class_uid: str
    sent_series_uid: str
    path: str
    reason: str
    made_at: datetime
    rendition: str = ""
