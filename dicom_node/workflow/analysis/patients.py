"""Whose a study is: one that names several patients waits for a person, and each of them is told.

A result of such a study would be filed under one patient and might be of another. So none is made
until a person has decided, and a report in the folder of each patient says so. Those reports are
routing's, as that no route wants a study is.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ai_engine.prediction import ModelIdentity, Prediction, Refusal, RefusalReason
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.job import Job, job_identifier
from dicom_node.domain.patient import (
    PatientDecision,
    PatientInStudy,
    difference_of,
    patients_of,
)
from dicom_node.domain.study import StoredStudy
from dicom_node.workflow.analysis.unrouted import shown_of
from dicom_node.workflow.ports import PatientDecisions, ResultStore

_LOG = logging.getLogger(__name__)
UNDECIDED = "patient undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owned:
    """The instances of a study that may be analysed, and the decision that says whose they are.

    ``undecided`` are the patients of a study on which nobody has decided; then there is nothing to
    analyse, and ``reason`` says in what they differ.
    """

    instances: tuple[ReceivedInstance, ...]
    decision: PatientDecision | None = None
    undecided: tuple[PatientInStudy, ...] = ()
    reason: str = ""


class Patients:
    """Compares what the instances of a study say of their patient."""

    def __init__(self, *, decisions: PatientDecisions, results: ResultStore) -> None:
        self._decisions = decisions
        self._results = results

    def owned(self, study_instance_uid: str, instances: Sequence[ReceivedInstance]) -> Owned:
        """Return what may be analysed of a study's instances."""
        others = without_own(instances, self._results)
        found = named_patients(others)
        if len(found) < 2:
            return Owned(instances=tuple(instances))
        decision = self._decisions.of_study(study_instance_uid)
        if decision is not None and decision.covers(found):
            return Owned(
                instances=tuple(each for each in instances if decision.takes(each.patient.key)),
                decision=decision,
            )
        reason = difference_of((each.patient for each in others), len(found))
        _LOG.warning("study undecided study=%s reason=%r", study_instance_uid, reason)
        return Owned(instances=(), undecided=found, reason=reason)


def named_patients(instances: Sequence[ReceivedInstance]) -> tuple[PatientInStudy, ...]:
    """Return the patients that instances name, those of the most instances first."""
    return patients_of({each.sop_instance_uid: each.patient for each in instances})


def without_own(
    instances: Sequence[ReceivedInstance], results: ResultStore
) -> tuple[ReceivedInstance, ...]:
    """Leave out what the node made itself: its results say of the patient what is valid of it."""
    if not instances:
        return ()
    own = results.own_objects(tuple(each.sop_instance_uid for each in instances))
    return tuple(each for each in instances if each.sop_instance_uid not in own)


def undecided_job(
    study: StoredStudy,
    patient: PatientInStudy,
    instances: Mapping[str, ReceivedInstance],
    identity: ModelIdentity,
    destinations: tuple[str, ...],
) -> Job:
    """Return the job of saying to one patient's folder that the study names others too."""
    shown = (
        shown_of([instances[uid] for uid in patient.sop_instance_uids])
        or (patient.sop_instance_uids[:1])
    )
    return Job(
        job_id=job_identifier(study.study_instance_uid, identity, shown),
        study_instance_uid=study.study_instance_uid,
        revision=study.revision,
        route=UNDECIDED,
        model=identity,
        sop_instance_uids=shown,
        destinations=destinations,
    )


def several_patients(job: Job, reason: str) -> Prediction:
    """Return what is said of the images of one of a study's patients."""
    detail = (
        f"The study is held: {reason}. Nothing of it is analysed until a person has decided whose "
        "it is."
    )
    refusals = tuple(
        Refusal(sop_instance_uid=uid, reason=RefusalReason.SEVERAL_PATIENTS, detail=detail)
        for uid in job.sop_instance_uids
    )
    return Prediction(model=job.model, images=(), refusals=refusals)
