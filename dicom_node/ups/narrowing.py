"""What of a query a store can use: the keys that its indexes know."""

from collections.abc import Iterable

from pydicom.datadict import keyword_for_tag
from pydicom.tag import Tag

from dicom_node.domain.procedure_step import StepState
from dicom_node.query.matching import Interval, Key, interval
from dicom_node.ups.ports import StepQuery


def step_query(keys: tuple[Key, ...]) -> StepQuery:
    """Return what a store narrows a search for procedure steps by."""
    plain = _plain(keys)
    request = _plain(_nested(keys, "ReferencedRequestSequence"))
    window = _window(plain.get("ScheduledProcedureStepStartDateTime", ()))
    return StepQuery(
        uids=plain.get("SOPInstanceUID", ()),
        study_instance_uids=plain.get("StudyInstanceUID", ())
        or request.get("StudyInstanceUID", ()),
        # A state with a wildcard, or one that is none, is left to the matching of data sets.
        states=_states(plain.get("ProcedureStepState", ())),
        patient_id=_single(plain.get("PatientID", ())),
        patient_name=_single(plain.get("PatientName", ())),
        accession_number=_single(request.get("AccessionNumber", ())),
        scheduled_from=window.start,
        scheduled_until=window.end,
    )


def modality_query(keys: tuple[Key, ...]) -> StepQuery:
    """Return what a store narrows a Modality Worklist search by."""
    plain = _plain(keys)
    scheduled = _plain(_nested(keys, "ScheduledProcedureStepSequence"))
    window = _window(scheduled.get("ScheduledProcedureStepStartDate", ()))
    return StepQuery(
        study_instance_uids=plain.get("StudyInstanceUID", ()),
        states=frozenset({StepState.SCHEDULED, StepState.IN_PROGRESS}),
        patient_id=_single(plain.get("PatientID", ())),
        patient_name=_single(plain.get("PatientName", ())),
        accession_number=_single(plain.get("AccessionNumber", ())),
        scheduled_from=window.start,
        scheduled_until=window.end,
    )


def _plain(keys: Iterable[Key]) -> dict[str, tuple[str, ...]]:
    return {keyword_for_tag(key.tag): key.values for key in keys if key.values}


def _nested(keys: Iterable[Key], keyword: str) -> tuple[Key, ...]:
    wanted = Tag(keyword)
    return next((key.keys for key in keys if key.tag == wanted), ())


def _single(values: tuple[str, ...]) -> str:
    return values[0] if len(values) == 1 else ""


def _states(values: tuple[str, ...]) -> frozenset[StepState]:
    known = {state.value for state in StepState}
    return frozenset(StepState(value) for value in values) if set(values) <= known else frozenset()


def _window(values: tuple[str, ...]) -> Interval:
    return interval(values[0]) if len(values) == 1 else Interval(start=None, end=None)
