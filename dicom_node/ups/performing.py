"""Performs steps of somebody else's worklist (IHE AIW-I, Task Performer).

A step's key is durable before the step is claimed: whatever stops the node, it ends what it began.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Protocol

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import generate_uid

from dicom_node.domain.procedure_step import StepReference, StepState, UpsStatus
from dicom_node.domain.subject import Subject, is_other_patient
from dicom_node.domain.taken_step import TakenBook, TakenState, TakenStep
from dicom_node.errors import NodeError
from dicom_node.query.reading import UNREADABLE
from dicom_node.ups.codes import ANALYSIS_CODES, code_sequence
from dicom_node.ups.errors import StepRefusedError
from dicom_node.ups.presentation import Station, moment, references_sequence
from dicom_node.ups.requesting import is_uid, study_of

_LOG = logging.getLogger(__name__)
_DONE = (UpsStatus.SUCCESS, UpsStatus.ATTRIBUTES_NOT_SUPPORTED)
# PS3.16 CID 9300, Procedure Discontinuation Reasons.
_UNSPECIFIED = ("110513", "DCM", "Discontinued for unspecified reason")
_OTHER_PATIENT = "The study's images name another patient than the step"
_ENDED_BEFORE = (UpsStatus.ALREADY_CANCELED, UpsStatus.ALREADY_COMPLETED)


class Manager(Protocol):
    """A worklist manager; what it answers is returned as a status."""

    def scheduled(self, label: str) -> Sequence[Dataset]:
        """Return what waits and is ready."""

    def claim(self, uid: str, transaction_uid: str) -> int:
        """Ask for a step."""

    def change(self, uid: str, transaction_uid: str, state: str) -> int:
        """Change the state of a step."""

    def get(self, uid: str) -> Dataset | None:
        """Return a step; None where the manager gives none."""

    def update(self, uid: str, transaction_uid: str, changes: Dataset) -> int:
        """Set attributes of a step."""


class Analysing(Protocol):
    """Has studies analysed, and says how far that is."""

    def begin(self, study_instance_uid: str, archives: Sequence[str], *, sender: str) -> int | None:
        """Open a study for an analysis, fetched where it must be; return which revision it is.

        None where the node does not have the study, and knows none of ``archives``.
        """

    def state(self, study_instance_uid: str, revision: int) -> tuple[StepState, str]:
        """Return how far an analysis is, and why it came to nothing."""

    def subject(self, study_instance_uid: str) -> Subject:
        """Return whose a study is; of one that is not here, nothing is known."""

    def outputs(self, study_instance_uid: str) -> Sequence[StepReference]:
        """Return the results of a study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Performing:
    """What the node performs: of whom, of which Worklist Label, and how many at once."""

    manager: str
    label: str
    at_once: int


class TaskPerformer:
    """Takes steps, has their studies analysed, and ends them."""

    def __init__(
        self,
        performing: Performing,
        *,
        manager: Manager,
        book: TakenBook,
        analysing: Analysing,
        station: Station,
        clock: Callable[[], datetime],
    ) -> None:
        """Work for ``manager``."""
        self._performing = performing
        self._manager = manager
        self._book = book
        self._analysing = analysing
        self._station = station
        self._clock = clock

    def sweep(self) -> None:
        """Go on with what was taken, then take more; a manager that is away is asked later.

        A step that nothing can be done with holds no other up.
        """
        for taken in self._book.open():
            self._asked(partial(self._go_on, taken))
        room = self._performing.at_once - len(self._book.open())
        if room > 0:
            self._asked(partial(self._take, room))

    def _asked(self, act: Callable[[], object]) -> None:
        """Do something with the manager; where it does not answer, note that."""
        try:
            act()
        except NodeError as error:
            _LOG.warning(
                "worklist manager not asked manager=%s reason=%r",
                self._performing.manager,
                str(error),
            )

    def _take(self, room: int) -> None:
        fresh = (uid for uid in self._offered() if not self._book.known(uid))
        for uid in fresh:
            taken = TakenStep(
                uid=uid,
                manager=self._performing.manager,
                transaction_uid=str(generate_uid(prefix=None)),
                state=TakenState.CLAIMING,
                taken_at=self._clock(),
            )
            self._book.keep(taken)
            self._asked(partial(self._claim, taken))
            room -= self._book.known(uid)
            if room <= 0:
                return

    def _offered(self) -> list[str]:
        """Return the steps that the node may take, the most urgent first."""
        found: list[tuple[tuple[int, str], str]] = []
        for step in self._manager.scheduled(self._performing.label):
            try:
                uid = str(step.get("SOPInstanceUID") or "")
                if is_uid(uid) and self._is_ours(step):
                    found.append((_urgency(step), uid))
            except UNREADABLE:
                _LOG.info("step left alone: unreadable manager=%s", self._performing.manager)
        return [uid for _, uid in sorted(found, key=itemgetter(0))]

    def _is_ours(self, step: Dataset) -> bool:
        """Whether the node does such work, and the step is not meant for another station."""
        codes = {
            str(each.get("CodeValue")) for each in step.get("ScheduledWorkitemCodeSequence") or ()
        }
        stations = {
            str(each.get("CodeValue"))
            for each in step.get("ScheduledStationNameCodeSequence") or ()
        }
        return bool(codes & ANALYSIS_CODES.keys()) and (
            not stations or self._station.ae_title in stations
        )

    def _go_on(self, taken: TakenStep) -> None:
        if taken.state is TakenState.CLAIMING:
            self._claim(taken)
            return
        state, why = self._analysing.state(taken.study_instance_uid, taken.asked_revision)
        if state is StepState.COMPLETED:
            self._complete(taken)
        elif state is StepState.CANCELED:
            self._cancel(taken, why or "The analysis did not end")

    def _claim(self, taken: TakenStep) -> None:
        """Claim a step and begin with it; one that is another performer's is forgotten."""
        status = self._manager.claim(taken.uid, taken.transaction_uid)
        if status == UpsStatus.ALREADY_IN_PROGRESS:
            # Perhaps by this very key, and the answer was lost: then it opens the step.
            status = self._manager.update(taken.uid, taken.transaction_uid, _progress("Claimed"))
        if status not in _DONE:
            self._book.forget(taken.uid)
            _LOG.info("step not taken step=%s status=0x%04X", taken.uid, status)
            return
        _LOG.info("step taken step=%s manager=%s", taken.uid, taken.manager)
        self._begin(taken)

    def _begin(self, taken: TakenStep) -> None:
        step = self._manager.get(taken.uid)
        if step is None:
            self._cancel(taken, "The step cannot be read")
            return
        try:
            study, archives = study_of(step), tuple(dict.fromkeys(_archives(step)))
            is_others = self._is_another_patients(step, study)
        except StepRefusedError as error:
            self._cancel(taken, str(error))
            return
        except UNREADABLE:
            self._cancel(taken, "The step cannot be read")
            return
        if is_others:
            self._cancel(taken, _OTHER_PATIENT)
            return
        revision = self._analysing.begin(study, archives, sender=taken.manager)
        if revision is None:
            self._cancel(taken, "Its images are not here, and no archive that is known has them")
            return
        self._manager.update(taken.uid, taken.transaction_uid, _progress("Analysis begun"))
        self._book.keep(
            replace(
                taken,
                state=TakenState.ANALYSING,
                study_instance_uid=study,
                asked_revision=revision,
            )
        )

    def _is_another_patients(self, step: Dataset, study: str) -> bool:
        """Whether a step names another patient than the images of its study."""
        return is_other_patient(_patient(step), self._analysing.subject(study))

    def _complete(self, taken: TakenStep) -> None:
        # A study that was fetched says only now whose it is.
        step = self._manager.get(taken.uid)
        if step is not None and self._is_another_patients(step, taken.study_instance_uid):
            self._cancel(taken, _OTHER_PATIENT)
            return
        performed = Dataset()
        performed.UnifiedProcedureStepPerformedProcedureSequence = Items([self._performance(taken)])
        status = self._manager.update(taken.uid, taken.transaction_uid, performed)
        if status in _DONE:
            status = self._manager.change(taken.uid, taken.transaction_uid, "COMPLETED")
        if status in (*_DONE, *_ENDED_BEFORE):
            self._end(taken, status, "completed")
        else:  # what nobody ends would be in progress for ever
            self._cancel(taken, f"The results were refused with 0x{status:04X}")

    def _cancel(self, taken: TakenStep, reason: str) -> None:
        why = _progress(reason)
        # What a canceled step must say (PS3.4 Table CC.2.5-3, code X).
        progress = why.ProcedureStepProgressInformationSequence[0]
        progress.ProcedureStepCancellationDateTime = moment(self._clock())
        progress.ReasonForCancellation = reason[:1024]
        progress.ProcedureStepDiscontinuationReasonCodeSequence = code_sequence(_UNSPECIFIED)
        self._manager.update(taken.uid, taken.transaction_uid, why)
        status = self._manager.change(taken.uid, taken.transaction_uid, "CANCELED")
        self._end(taken, status, f"canceled: {reason}")

    def _end(self, taken: TakenStep, status: int, how: str) -> None:
        """Note that a step is over, here at least: the manager may have ended it itself."""
        if status not in (*_DONE, *_ENDED_BEFORE):
            how = f"the manager answered 0x{status:04X} when it was to be {how}"
            _LOG.warning("step not ended step=%s reason=%r", taken.uid, how)
        self._book.keep(replace(taken, state=TakenState.OVER, reason=how))
        _LOG.info("step over step=%s how=%r", taken.uid, how)

    def _performance(self, taken: TakenStep) -> Dataset:
        """Return what was done (PS3.4 Table CC.2.5-3, of code P)."""
        item = Dataset()
        item.ActualHumanPerformersSequence = Items()
        title = self._station.ae_title
        item.PerformedStationNameCodeSequence = code_sequence((title, "L", title))
        item.PerformedStationClassCodeSequence = Items()
        item.PerformedProcedureStepStartDateTime = moment(taken.taken_at)
        item.PerformedProcedureStepEndDateTime = moment(self._clock())
        item.PerformedProcedureStepDescription = ""
        item.PerformedWorkitemCodeSequence = code_sequence(
            ("110004", "DCM", ANALYSIS_CODES["110004"])
        )
        item.PerformedProcessingParametersSequence = Items()
        outputs = self._analysing.outputs(taken.study_instance_uid)
        item.OutputInformationSequence = references_sequence(outputs, self._station)
        return item


_RANKS = {"HIGH": 0, "MEDIUM": 1, "LOW": 2}


def _urgency(step: Dataset) -> tuple[int, str]:
    rank = _RANKS.get(str(step.get("ScheduledProcedureStepPriority") or ""), 1)
    return rank, str(step.get("ScheduledProcedureStepStartDateTime") or "")


def _patient(step: Dataset) -> Subject:
    return Subject(
        study_instance_uid="",
        patient_id=str(step.get("PatientID") or ""),
        issuer_of_patient_id=str(step.get("IssuerOfPatientID") or ""),
        patient_birth_date=str(step.get("PatientBirthDate") or ""),
    )


def _archives(step: Dataset) -> Iterator[str]:
    """Yield who has the step's images, by what it says of its input."""
    for each in step.get("InputInformationSequence") or ():
        for retrieval in each.get("DICOMRetrievalSequence") or ():
            if title := str(retrieval.get("RetrieveAETitle") or "").strip():
                yield title


def _progress(words: str) -> Dataset:
    item = Dataset()
    item.ProcedureStepProgressDescription = words[:1024]
    changes = Dataset()
    changes.ProcedureStepProgressInformationSequence = Items([item])
    return changes
