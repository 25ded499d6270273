"""What a request to create a step asks for."""

import re

from pydicom.dataset import Dataset
from pydicom.uid import RE_VALID_UID

from dicom_node.domain.procedure_step import StepKind, UpsStatus
from dicom_node.ups.codes import ANALYSIS_CODES, REVIEW_CODES
from dicom_node.ups.errors import StepRefusedError


def is_uid(text: str) -> bool:
    """Tell whether a text is a UID (PS3.5 Section 9.1)."""
    return len(text) <= 64 and re.fullmatch(RE_VALID_UID, text) is not None


def study_of(dataset: Dataset) -> str:
    """Return the study that a new step is about, wherever its requester has written it.

    Raises
    ------
    StepRefusedError
        No study is named, or more than one, or by what is no UID.
    """
    named = {_study_in(dataset)}
    for keyword in ("InputInformationSequence", "ReferencedRequestSequence"):
        named |= {_study_in(each) for each in dataset.get(keyword) or ()}
    studies = named - {""}
    if not studies:
        raise StepRefusedError(UpsStatus.MISSING_ATTRIBUTE_VALUE, "no StudyInstanceUID is given")
    if len(studies) > 1:
        raise StepRefusedError(
            UpsStatus.INVALID_ATTRIBUTE_VALUE, "more than one study: make a step for each"
        )
    (study,) = studies
    if not is_uid(study):  # no database is asked for it: PostgreSQL fails on a NUL
        raise StepRefusedError(UpsStatus.INVALID_ATTRIBUTE_VALUE, "StudyInstanceUID is no UID")
    return study


def _study_in(dataset: Dataset) -> str:
    return str(dataset.get("StudyInstanceUID") or "").strip(" \0")  # as it is padded (PS3.5 9.1)


def kind_of(dataset: Dataset) -> StepKind:
    """Return what a new step asks for; without a work item code, a review.

    Raises
    ------
    StepRefusedError
        The node does nothing of that kind.
    """
    codes = {
        str(each.get("CodeValue")) for each in dataset.get("ScheduledWorkitemCodeSequence") or ()
    }
    if not codes or codes & REVIEW_CODES.keys():
        return StepKind.REVIEW
    if codes & ANALYSIS_CODES.keys():
        return StepKind.ANALYSIS
    known = ", ".join(sorted(REVIEW_CODES | ANALYSIS_CODES))
    raise StepRefusedError(
        UpsStatus.INVALID_ATTRIBUTE_VALUE, f"work item code unknown here: use {known} (DCM)"
    )
