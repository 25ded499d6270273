"""The query SCU: what another archive has, asked by C-FIND, whatever it answers (PS3.4 C.4.1).

An answer is believed as far as it can be read. It is not waited for without end: not for more
matches than make sense, and not past a deadline.
"""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association

from dicom_node.domain.found import Attributes
from dicom_node.domain.peer_words import peer_words
from dicom_node.network.associations import end
from dicom_node.network.errors import AnswerError, AssociationError
from dicom_node.network.status import SUCCESS
from dicom_node.query.json_model import in_json
from dicom_node.query.reading import UNREADABLE

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
PLAIN: list[str | UID] = [ExplicitVRLittleEndian, ImplicitVRLittleEndian]
PENDING = (0xFF00, 0xFF01)
# Studies of one patient, series of one study, and instances of one series that are listened to.
MOST_STUDIES, MOST_SERIES, MOST_INSTANCES = 1000, 1000, 50_000
# Answers that were on their way when the query was cancelled.
_AFTER_CANCEL = 100
_MESSAGE_ID = 1
_STUDY_KEYS = (
    "PatientName",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "StudyInstanceUID",
    "StudyTime",
    "StudyDescription",
    "ModalitiesInStudy",
    "NumberOfStudyRelatedInstances",
)
_SERIES_KEYS = (
    "SeriesInstanceUID",
    "Modality",
    "BodyPartExamined",
    "SeriesDescription",
    "ProtocolName",
    "NumberOfSeriesRelatedInstances",
)


def study_query(patient_id: str, *, until: str) -> Dataset:
    """Return the identifier that asks for the studies of a patient, up to a date (YYYYMMDD)."""
    identifier = Dataset()
    if not patient_id.isascii():
        identifier.SpecificCharacterSet = "ISO_IR 192"
    identifier.QueryRetrieveLevel = "STUDY"
    for keyword in _STUDY_KEYS:
        setattr(identifier, keyword, "")
    identifier.PatientID = patient_id
    identifier.StudyDate = f"-{until}" if until else ""
    return identifier


def series_query(study: str) -> Dataset:
    """Return the identifier that asks for the series of a study."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "SERIES"
    for keyword in _SERIES_KEYS:
        setattr(identifier, keyword, "")
    identifier.StudyInstanceUID = study
    return identifier


def instance_query(study: str, series: str) -> Dataset:
    """Return the identifier that asks for the instances of a series."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "IMAGE"
    identifier.StudyInstanceUID = study
    identifier.SeriesInstanceUID = series
    identifier.SOPInstanceUID = ""
    identifier.SOPClassUID = ""
    return identifier


def matches(
    association: Association, identifier: Dataset, *, most: int, until: float
) -> Iterator[Attributes]:
    """Yield what matches, in the order in which it is answered.

    Parameters
    ----------
    most
        So many are listened to; then the query is cancelled.
    until
        The moment, by `time.monotonic`, at which the query is given up.

    Raises
    ------
    AnswerError
        There are more matches than are listened to, the time is over, or an answer is none.
    AssociationError
        The archive refuses the query, or says nothing.
    """
    answered = 0
    for status, answer in association.send_c_find(identifier, STUDY_ROOT_FIND, _MESSAGE_ID):
        if status.get("Status") not in PENDING:
            break
        answered += 1
        if time.monotonic() > until:
            end(association, association.abort)
            raise AnswerError("the archive's answer did not come to its end in time")
        if answered > most + _AFTER_CANCEL:
            end(association, association.abort)
            break
        if answered <= most:
            yield _entity(association, answer)
        elif answered == most + 1:
            association.send_c_cancel(_MESSAGE_ID, query_model=STUDY_ROOT_FIND)
    if answered > most:
        raise AnswerError(f"the archive has more than {most} matches for one query")
    if status.get("Status") != SUCCESS:
        raise AssociationError(f"the archive answered a query with {said(status)}")


def said(status: Mapping[Any, Any] | Dataset) -> str:
    """Return a status as people write it, with the archive's own words where there are any."""
    number = status.get("Status")
    if not isinstance(number, int):
        return "nothing"
    return f"0x{number:04X} {peer_words(status.get('ErrorComment'))}".rstrip()


def _entity(association: Association, answer: Dataset | None) -> Attributes:
    try:
        if answer is None:
            raise ValueError("no data set")
        return cast("Attributes", json.loads(json.dumps(in_json(answer))))
    except UNREADABLE as error:
        end(association, association.abort)
        raise AnswerError("the archive answered a query with what cannot be read") from error
