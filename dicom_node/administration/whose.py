"""Whose a study is that names several patients: who they are, and what a person decides."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.patient import (
    PatientDecision,
    PatientInStudy,
    difference_of,
    patients_of,
)
from dicom_node.errors import ConflictError, InvalidFieldsError, StaleEntryError

LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPatient:
    """A patient whom images of a study name, as the first of them writes it.

    ``mark`` stands for the patient where who is meant is not to be said; ``images`` counts them,
    and ``sender`` is the AE title that the first came from.
    """

    mark: str
    images: int
    sender: str
    patient_id: str = ""
    issuer: str = ""
    name: str = ""
    birth_date: str = ""
    sex: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPatients:
    """The patients of a study, those of the most images first; ``version`` is of all of them.

    ``one_id`` says that all images have the same Patient ID: only then can they be one patient's.
    ``difference`` says by which attributes they differ, without values; empty for one patient.
    """

    patients: tuple[NamedPatient, ...]
    version: str
    one_id: bool
    difference: str = ""
    decision: PatientDecision | None = None

    @property
    def decided(self) -> NamedPatient | None:
        """The patient that was decided on, where the study still names that one."""
        keys = self.decision.keys if self.decision else ()
        return next((each for each in self.patients if each.mark in keys), None)


class Decisions(Protocol):
    """Whose studies are, as people have decided."""

    def of_study(self, study_instance_uid: str) -> PatientDecision | None:
        """Return what a person has decided on a study, or None."""

    def decide(self, study_instance_uid: str, decision: PatientDecision) -> None:
        """Keep a decision in place of an earlier one."""


class WhoseStudies:
    """Says whom studies name, and keeps whose they are."""

    def __init__(
        self,
        *,
        instances: Callable[[str], Sequence[ReceivedInstance]],
        header: Callable[[ReceivedInstance], Mapping[str, str]],
        decisions: Decisions,
        rerun: Callable[[str, str], None],
        clock: Callable[[], datetime],
    ) -> None:
        """Keep the parts.

        Parameters
        ----------
        instances
            Returns a study's instances without what the node made of them.
        header
            Returns what an instance says of its patient, by the fields of `NamedPatient`.
        decisions
            Where decisions are kept.
        rerun
            Has a study analysed again, at the wish of somebody.
        clock
            Tells the time.
        """
        self._instances = instances
        self._header = header
        self._decisions = decisions
        self._rerun = rerun
        self._clock = clock

    def named(self, study_instance_uid: str) -> NamedPatients:
        """Return the patients that a study names, and what was decided.

        Raises
        ------
        NotFoundError
            When there is no such study.
        """
        instances = {each.sop_instance_uid: each for each in self._instances(study_instance_uid)}
        found = _named(instances)
        first = [instances[each.sop_instance_uids[0]] for each in found]
        return NamedPatients(
            patients=tuple(
                NamedPatient(
                    mark=each.keys[0],
                    images=len(each.sop_instance_uids),
                    sender=one.calling_ae,
                    **self._header(one),
                )
                for each, one in zip(found, first, strict=True)
            ),
            version=_version(found),
            one_id=_have_one_id(instances),
            difference=difference_of((each.patient for each in instances.values()), len(found))
            if len(found) > 1
            else "",
            decision=self._decisions.of_study(study_instance_uid),
        )

    def decide(
        self,
        study_instance_uid: str,
        mark: str,
        *,
        is_same: bool,
        why: str,
        actor: str,
        version: str = "",
    ) -> PatientDecision:
        """Say whose a study is: it is analysed shortly, and the results say who decided.

        With ``is_same`` all images are this patient's; otherwise those of others are left out.
        ``version`` is that of the patients who were seen.

        Raises
        ------
        NotFoundError
            When there is no such study.
        InvalidFieldsError
            When no patient is chosen, or no reason given.
        ConflictError
            When there is nothing to decide, or the images have several Patient IDs and are said to
            be one patient's.
        StaleEntryError
            When the study names others now than were seen.
        """
        instances = {each.sop_instance_uid: each for each in self._instances(study_instance_uid)}
        found = _named(instances)
        if len(found) < 2:
            raise ConflictError(
                f"study {study_instance_uid} names one patient: there is nothing to decide"
            )
        if version and version != _version(found):
            raise StaleEntryError(
                "images have come since that name their patient otherwise: look at the patients "
                "as they are now"
            )
        chosen = next((each for each in found if mark in each.keys), None)
        wrong = {}
        if chosen is None:
            wrong["mark"] = "choose a patient."
        if not why.strip():
            wrong["why"] = "say on what grounds."
        elif len(why) > LONGEST_REASON:
            wrong["why"] = f"this is longer than {LONGEST_REASON} characters."
        if is_same and not _have_one_id(instances):
            wrong["is_same"] = (
                "the images have different Patient IDs, and archives file them apart: have the "
                "sender correct them and send them again, or leave the others' images out."
            )
        if chosen is None or wrong:
            raise InvalidFieldsError("decision", wrong)
        decision = PatientDecision(
            keys=chosen.keys,
            known=tuple(sorted(key for each in found for key in each.keys)),
            is_same=is_same,
            actor=actor,
            at=self._clock(),
            why=why.strip(),
        )
        self._decisions.decide(study_instance_uid, decision)
        self._rerun(study_instance_uid, actor)
        return decision


def _named(instances: Mapping[str, ReceivedInstance]) -> tuple[PatientInStudy, ...]:
    return patients_of({uid: each.patient for uid, each in instances.items()})


def _have_one_id(instances: Mapping[str, ReceivedInstance]) -> bool:
    return len({each.patient.patient_id for each in instances.values()}) == 1


def _version(found: Sequence[PatientInStudy]) -> str:
    """A word that is another one when the study names others, or one of them otherwise."""
    keys = sorted(key for each in found for key in each.keys)
    return hashlib.sha256(" ".join(keys).encode()).hexdigest()[:16]
