"""What a procedure step must say, and when (PS3.4 Table CC.2.5-3)."""

from dataclasses import dataclass

from pydicom.datadict import dictionary_has_tag, dictionary_VR, keyword_for_tag
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from dicom_node.domain.procedure_step import StepState, UpsStatus
from dicom_node.query.json_model import in_json
from dicom_node.query.matching import texts
from dicom_node.query.moments import is_moment
from dicom_node.query.reading import UNREADABLE
from dicom_node.ups.errors import StepRefusedError

# Type 1 of N-CREATE: there, and with a value.
REQUIRED_AT_CREATION = (
    "ProcedureStepState",
    "ScheduledProcedureStepPriority",
    "ProcedureStepLabel",
    "ScheduledProcedureStepStartDateTime",
    "InputReadinessState",
)
PRIORITIES = ("HIGH", "MEDIUM", "LOW")

# What requesters and performers may set; the rest is what the node itself knows, and stays.
SETTABLE = frozenset(
    {
        "ScheduledProcedureStepPriority",
        "ProcedureStepLabel",
        "WorklistLabel",
        "ScheduledProcedureStepStartDateTime",
        "ExpectedCompletionDateTime",
        "ScheduledProcedureStepExpirationDateTime",
        "ScheduledHumanPerformersSequence",
        "ScheduledStationNameCodeSequence",
        "ScheduledStationClassCodeSequence",
        "ScheduledStationGeographicLocationCodeSequence",
        "ScheduledWorkitemCodeSequence",
        "ScheduledProcessingParametersSequence",
        "CommentsOnTheScheduledProcedureStep",
        "InputReadinessState",
        "ProcedureStepProgressInformationSequence",
        "UnifiedProcedureStepPerformedProcedureSequence",
        "ReplacedProcedureStepSequence",
    }
)
# Part of every request, and kept elsewhere.
_BESIDES = frozenset(
    {
        "SpecificCharacterSet",
        "SOPClassUID",
        "SOPInstanceUID",
        "TransactionUID",
        "ProcedureStepState",
        "StudyInstanceUID",
        "InputInformationSequence",
        "TimezoneOffsetFromUTC",
        "ScheduledProcedureStepModificationDateTime",
    }
)
# Code P, of an item of the Performed Procedure Sequence: needed before COMPLETED.
REQUIRED_OF_PERFORMANCE = (
    "PerformedStationNameCodeSequence",
    "PerformedProcedureStepStartDateTime",
    "PerformedWorkitemCodeSequence",
    "PerformedProcedureStepEndDateTime",
)
_UNWRITABLE = "a value cannot be written as DICOM"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The attributes of a request that are kept, and the keywords of those that are not."""

    attributes: Dataset
    left_out: tuple[str, ...]


def check_creation(dataset: Dataset) -> None:
    """Check a request to create a step.

    Raises
    ------
    StepRefusedError
        A required attribute is absent (0120), empty (0121) or unusable (0106, C309), or a date
        and time is none (0106).
    """
    for keyword in REQUIRED_AT_CREATION:
        if keyword not in dataset:
            raise StepRefusedError(UpsStatus.MISSING_ATTRIBUTE, f"{keyword} is missing")
        if dataset.get(keyword) in (None, ""):
            raise StepRefusedError(UpsStatus.MISSING_ATTRIBUTE_VALUE, f"{keyword} is empty")
    if dataset.ProcedureStepState != StepState.SCHEDULED:
        raise StepRefusedError(UpsStatus.NOT_SCHEDULED)
    _check_values(dataset)


def check_update(dataset: Dataset) -> None:
    """Check a request to set attributes.

    Raises
    ------
    StepRefusedError
        It sets the state, which only a change of state may, an unknown priority, or a date and
        time that is none.
    """
    if "ProcedureStepState" in dataset:
        raise StepRefusedError(
            UpsStatus.INVALID_ATTRIBUTE_VALUE, "the state changes by Change UPS State only"
        )
    _check_values(dataset)


def settable(dataset: Dataset) -> Accepted:
    """Return what of a request is kept."""
    kept, left_out = Dataset(), []
    for element in dataset:
        if element.keyword in SETTABLE:
            kept.add(element)
        elif element.keyword not in _BESIDES and element.value:
            left_out.append(element.keyword or str(element.tag))
    return Accepted(attributes=kept, left_out=tuple(left_out))


def check_completion(dataset: Dataset) -> None:
    """Check what a performer says before it completes a step (PS3.4 Section CC.2.5.1.1).

    Output Information Sequence must be there and may be empty; IHE AIW-I wants every created
    instance in it.

    Raises
    ------
    StepRefusedError
        Something is missing (C304); the message names the first such attribute.
    """
    performances = dataset.get("UnifiedProcedureStepPerformedProcedureSequence") or ()
    if not performances:
        _unmet("UnifiedProcedureStepPerformedProcedureSequence")
    for performance in performances:
        for keyword in REQUIRED_OF_PERFORMANCE:
            if not performance.get(keyword):
                _unmet(keyword)
        if "OutputInformationSequence" not in performance:
            _unmet("OutputInformationSequence")


def _unmet(keyword: str) -> None:
    raise StepRefusedError(UpsStatus.FINAL_STATE_REQUIREMENTS, f"{keyword} is missing")


def _check_values(dataset: Dataset) -> None:
    _check_priority(dataset)
    kept = Dataset()
    try:
        for element in dataset:
            if element.keyword in SETTABLE:
                _check_form(element)
                _check_moments(element)
                kept.add(element)
    except UNREADABLE as error:
        raise StepRefusedError(UpsStatus.INVALID_ATTRIBUTE_VALUE, _UNWRITABLE) from error
    _check_writable(kept)


def _check_form(element: DataElement) -> None:
    """Check that an attribute is what it is in the Standard, however deep: a sequence, say."""
    if dictionary_has_tag(element.tag) and element.VR not in dictionary_VR(element.tag):
        words = f"{element.keyword} is of another VR"
        raise StepRefusedError(UpsStatus.INVALID_ATTRIBUTE_VALUE, words)
    if element.VR == "SQ":
        for item in element.value or ():
            for nested in item:
                _check_form(nested)


def _check_writable(kept: Dataset) -> None:
    """Check that what is kept can be given back: one value would break everybody's query."""
    written = Dataset()
    written.SpecificCharacterSet = "ISO_IR 192"
    written.update(kept)
    buffer = DicomBytesIO()
    buffer.is_little_endian, buffer.is_implicit_VR = True, False
    try:
        write_dataset(buffer, written)
        in_json(kept)
    except UNREADABLE as error:
        raise StepRefusedError(UpsStatus.INVALID_ATTRIBUTE_VALUE, _UNWRITABLE) from error


def _check_moments(element: DataElement) -> None:
    """Check every date and time that would be kept, however deep: peers could not read it back."""
    if element.VR == "SQ":
        for item in element.value or ():
            for nested in item:
                _check_moments(nested)
    elif element.VR == "DT" and not all(is_moment(text) for text in texts(element) if text):
        raise StepRefusedError(
            UpsStatus.INVALID_ATTRIBUTE_VALUE, f"{element.keyword} is no date and time"
        )


def _check_priority(dataset: Dataset) -> None:
    tag = 0x00741200
    if tag in dataset and dataset[tag].value not in PRIORITIES:
        raise StepRefusedError(
            UpsStatus.INVALID_ATTRIBUTE_VALUE, f"{keyword_for_tag(tag)} is not HIGH, MEDIUM or LOW"
        )
