"""Jobs: one model's work on one set of instances."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ai_engine.prediction import ModelIdentity, Triage
from dicom_node.domain.patient import PatientDecision
from dicom_node.domain.reception import AssociationEnd
from dicom_node.domain.route import TagDoubt


class JobState(StrEnum):
    """Where a job stands; ``JOB_TRANSITIONS`` says what may follow what."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"


# A failed job may be tried again when the study is analysed again; a finished one only for the sake
# of evidence that the gate holds back. One whose evidence is made may still fail on its way to an
# expert; what it has made is delivered all the same.
JOB_TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.PENDING: frozenset({JobState.DONE, JobState.FAILED}),
    JobState.FAILED: frozenset({JobState.PENDING, JobState.DONE}),
    JobState.DONE: frozenset({JobState.PENDING, JobState.FAILED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a route asks of a model: which instances to look at, and who gets the results.

    ``job_id`` derives from study, model and instances, so that the same images analysed again by
    the same model are the same job, and a late image makes another one. ``doubts`` are of images
    that are looked at although their tags say that they should not be. ``triage`` is what a triage
    model says of them, where one is active and they are radiographs. ``interruption`` says how the
    transfer of the study broke off, where the rest of it did not come. ``decision`` is whose the
    study is, where its images name several patients and a person has decided. ``readers`` and
    ``reads_first`` are what the strictest of the routes that want it asks of those who read it.
    """

    job_id: str
    study_instance_uid: str
    revision: int
    route: str
    model: ModelIdentity
    sop_instance_uids: tuple[str, ...]
    destinations: tuple[str, ...]
    urgent: bool = False
    doubts: tuple[TagDoubt, ...] = ()
    triage: Triage | None = None
    interruption: AssociationEnd | None = None
    decision: PatientDecision | None = None
    readers: int = 1
    reads_first: bool = False

    @property
    def abnormality(self) -> float | None:
        """How probably the images are not normal, where a triage model has said so."""
        return None if self.triage is None else self.triage.probability


def job_identifier(study: str, model: ModelIdentity, sop_instance_uids: Iterable[str]) -> str:
    """Return the identifier of the job that ``model`` does on these instances of ``study``."""
    parts = (study, model.name, model.version, model.weights_digest, *sorted(sop_instance_uids))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
