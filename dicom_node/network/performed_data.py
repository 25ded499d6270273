"""Performed steps and availability as data sets (PS3.4 Tables F.7.2-1 and R.3.2-1)."""

import re
from collections.abc import Iterable, Iterator
from copy import deepcopy
from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.uid import UID

from dicom_node.domain.performed_step import (
    AnnouncedInstance,
    Availability,
    PerformedState,
    PerformedStep,
)
from dicom_node.network import data_sets
from dicom_node.network.errors import IncompleteDataSetError, UnusableReportError
from dicom_node.network.status import (
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE,
    MISSING_ATTRIBUTE_VALUE,
    PROCESSING_FAILURE,
    RESOURCE_LIMITATION,
)
from dicom_node.query.json_model import from_json, in_json
from dicom_node.query.reading import UNREADABLE

PERFORMED_STEP = "1.2.840.10008.3.1.2.3.3"
AVAILABILITY = "1.2.840.10008.5.1.4.33"
# What the node itself must know; what the Standard wants besides (type 1) is kept where it is said.
NEEDED_OF_STEPS = ("PerformedProcedureStepStatus", "ScheduledStepAttributesSequence")
NEEDED_OF_AVAILABILITY = ("StudyInstanceUID", "ReferencedSeriesSequence")
# A step of a long CT examination refers to some thousand images, at some 200 bytes each.
LARGEST_BYTES = 16 * 1024 * 1024
MOST_INSTANCES = 50_000
_AT_HAND = frozenset({"ONLINE", "NEARLINE"})
_OF_STEP = ("ReferencedImageSequence", "ReferencedNonImageCompositeSOPInstanceSequence")
_LONGEST_TITLE = 16
_UID = re.compile(r"[0-9.]{1,64}")
# Attributes that N-SET may not change (PS3.4 Table F.7.2-1): what a step is was said at its start.
SETTLED_AT_CREATION = (
    "ScheduledStepAttributesSequence",
    "PatientName",
    "PatientID",
    "PerformedProcedureStepID",
    "PerformedStationAETitle",
    "PerformedProcedureStepStartDate",
    "PerformedProcedureStepStartTime",
    "Modality",
    "StudyID",
)


def decoded(encoded: BytesIO | None, syntax: UID) -> Dataset:
    """Return the attributes of a message, all of them read.

    Raises
    ------
    UnusableReportError
        There are none, they cannot be read, or are larger than is taken.
    """
    if encoded is None:
        raise UnusableReportError(MISSING_ATTRIBUTE, "no attributes are given")
    # What is larger than the node takes at all is not even kept; its size is known all the same.
    if getattr(encoded, "size", 0) > LARGEST_BYTES:
        raise UnusableReportError(RESOURCE_LIMITATION, f"more than {LARGEST_BYTES} bytes")
    try:
        found = data_sets.decoded(encoded, syntax)
        found.decode()  # values are read when they are asked for: ask now
    except (IncompleteDataSetError, *UNREADABLE) as error:
        raise UnusableReportError(PROCESSING_FAILURE, "the data set is unreadable") from error
    return found


def begun_step(uid: str, attributes: Dataset, *, reporter: str) -> PerformedStep:
    """Return the step that an N-CREATE begins (PS3.4 Section F.7.2.1).

    Raises
    ------
    UnusableReportError
        It lacks what the node must know, or begins with another state than IN PROGRESS.
    """
    _check_needed(attributes, NEEDED_OF_STEPS)
    studies = tuple(
        dict.fromkeys(
            filter(None, (_text(each, "StudyInstanceUID") for each in _scheduled(attributes)))
        )
    )
    if not studies:
        raise UnusableReportError(MISSING_ATTRIBUTE_VALUE, "no Study Instance UID is given")
    if not all(map(_UID.fullmatch, studies)):
        raise UnusableReportError(INVALID_ATTRIBUTE_VALUE, "Study Instance UID is none")
    if _state(attributes) is not PerformedState.IN_PROGRESS:
        raise UnusableReportError(INVALID_ATTRIBUTE_VALUE, "a step begins IN PROGRESS")
    return _step(uid, attributes, attributes, reporter=reporter, studies=studies)


def changed_step(step: PerformedStep, changes: Dataset) -> PerformedStep:
    """Return a step after an N-SET (PS3.4 Section F.7.2.2).

    Raises
    ------
    UnusableReportError
        The state is none.
    """
    attributes = from_json(step.attributes)
    attributes.update(
        {each.tag: each for each in changes if each.keyword not in SETTLED_AT_CREATION}
    )
    return _step(step.uid, attributes, changes, reporter=step.reporter, studies=step.studies)


def availability(uid: str, attributes: Dataset, *, reporter: str) -> Availability:
    """Return what an N-CREATE says is available (PS3.4 Section R.3.2).

    Raises
    ------
    UnusableReportError
        It names no study, or no instances.
    """
    _check_needed(attributes, NEEDED_OF_AVAILABILITY)
    study = _text(attributes, "StudyInstanceUID")
    if not _UID.fullmatch(study):
        raise UnusableReportError(INVALID_ATTRIBUTE_VALUE, "Study Instance UID is none")
    at_hand = (
        _instance(each, study, series)
        for series in _items(attributes, "ReferencedSeriesSequence")
        for each in _items(series, "ReferencedSOPSequence")
        if _text(each, "InstanceAvailability") in _AT_HAND
    )
    return Availability(
        uid=uid, reporter=reporter, study_instance_uid=study, instances=_bounded(at_hand)
    )


def _step(
    uid: str, attributes: Dataset, said: Dataset, *, reporter: str, studies: tuple[str, ...]
) -> PerformedStep:
    return PerformedStep(
        uid=uid,
        state=_state(attributes),
        reporter=reporter,
        studies=studies,
        reason=_reason(attributes),
        instances=_bounded(_performed(said, studies))
        if "PerformedSeriesSequence" in said
        else None,
        attributes=in_json(_without_instances(attributes)),
    )


def _performed(said: Dataset, studies: tuple[str, ...]) -> Iterator[AnnouncedInstance]:
    study = studies[0] if len(studies) == 1 else ""
    for series in _items(said, "PerformedSeriesSequence"):
        for keyword in _OF_STEP:
            for each in _items(series, keyword):
                yield _instance(each, study, series)


def _instance(item: Dataset, study: str, series: Dataset) -> AnnouncedInstance:
    found = AnnouncedInstance(
        study_instance_uid=study,
        series_instance_uid=_text(series, "SeriesInstanceUID"),
        sop_class_uid=_text(item, "ReferencedSOPClassUID"),
        sop_instance_uid=_text(item, "ReferencedSOPInstanceUID"),
        retrieve_ae=_title(item, "RetrieveAETitle"),
    )
    uids = (found.series_instance_uid, found.sop_class_uid, found.sop_instance_uid)
    if not all(map(_UID.fullmatch, uids)):
        words = "an instance lacks series, SOP class or instance"
        raise UnusableReportError(INVALID_ATTRIBUTE_VALUE, words)
    return found


def _bounded(instances: Iterable[AnnouncedInstance]) -> tuple[AnnouncedInstance, ...]:
    found = tuple({each.sop_instance_uid: each for each in instances}.values())
    if len(found) > MOST_INSTANCES:
        raise UnusableReportError(RESOURCE_LIMITATION, f"more than {MOST_INSTANCES} instances")
    return found


def _without_instances(attributes: Dataset) -> Dataset:
    """Leave out what is kept as rows: a step says which images, each of them once more."""
    kept = deepcopy(attributes)
    for series in _items(kept, "PerformedSeriesSequence"):
        for keyword in _OF_STEP:
            if keyword in series:
                del series[keyword]
    return kept


def _state(attributes: Dataset) -> PerformedState:
    try:
        return PerformedState(_text(attributes, "PerformedProcedureStepStatus"))
    except ValueError as error:
        words = "Performed Procedure Step Status is none"
        raise UnusableReportError(INVALID_ATTRIBUTE_VALUE, words) from error


def _reason(attributes: Dataset) -> str:
    keyword = "PerformedProcedureStepDiscontinuationReasonCodeSequence"
    first = next(_items(attributes, keyword), Dataset())
    return _text(first, "CodeMeaning")[:64]


def _scheduled(attributes: Dataset) -> Iterator[Dataset]:
    return _items(attributes, "ScheduledStepAttributesSequence")


def _check_needed(attributes: Dataset, keywords: tuple[str, ...]) -> None:
    for keyword in keywords:
        if keyword not in attributes:
            raise UnusableReportError(MISSING_ATTRIBUTE, f"{keyword} is missing")
        if not attributes.get(keyword):
            raise UnusableReportError(MISSING_ATTRIBUTE_VALUE, f"{keyword} has no value")


def _items(dataset: Dataset, keyword: str) -> Iterator[Dataset]:
    items: Any = dataset.get(keyword)
    if items is None:
        return
    if not isinstance(items, Sequence):
        raise UnusableReportError(INVALID_ATTRIBUTE_VALUE, f"{keyword} is no sequence")
    yield from items


def _text(dataset: Dataset, keyword: str) -> str:
    """Return a value; several name nothing that has one."""
    value = dataset.get(keyword) or ""
    return "" if isinstance(value, MultiValue) else str(value).strip(" \0")


def _title(dataset: Dataset, keyword: str) -> str:
    """Return an AE title; the beginning of a longer one would be somebody else's."""
    found = _text(dataset, keyword)
    return found if len(found) <= _LONGEST_TITLE else ""
