"""Requests and results of storage commitment as data sets (PS3.4 Tables J.3-1 and J.3-2)."""

import re
import struct
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID
from pynetdicom.dsutils import encode

from dicom_node.domain.commitment import CommitmentRequest, CommitmentResult, Failure, Reference
from dicom_node.network.data_sets import decoded
from dicom_node.network.errors import IncompleteDataSetError, UnusableCommitmentError
from dicom_node.network.status import INVALID_ARGUMENT, PROCESSING_FAILURE, RESOURCE_LIMITATION

PUSH_MODEL = "1.2.840.10008.1.20.1"
PUSH_MODEL_INSTANCE = "1.2.840.10008.1.20.1.1"
REQUEST_COMMITMENT = 1  # action type
COMPLETE, FAILURES_EXIST = 1, 2  # event types
# Of one request or result: many a series has thousands of images, no study has more.
MOST_REFERENCES = 20_000
_LARGEST_BYTES = 8 * 1024 * 1024
_UID = re.compile(r"[0-9.]{1,64}")
_UNREADABLE = (
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    TypeError,
    ValueError,
    struct.error,
)


def read_request(encoded: BytesIO | None, syntax: UID) -> CommitmentRequest:
    """Read the Action Information of a request for commitment.

    Raises
    ------
    UnusableCommitmentError
        It cannot be read, lacks what it must have, names nothing, or more than is taken at once.
    """
    dataset = _decoded(encoded, syntax)
    references = _references(dataset, "ReferencedSOPSequence")
    if not references:
        raise UnusableCommitmentError(INVALID_ARGUMENT, "no instances are referenced")
    return CommitmentRequest(transaction_uid=_transaction(dataset), references=references)


def read_result(encoded: BytesIO | None, syntax: UID) -> CommitmentResult:
    """Read the Event Information of a result.

    Raises
    ------
    UnusableCommitmentError
        As for ``read_request``; a result may name nothing.
    """
    dataset = _decoded(encoded, syntax)
    failed = [
        Failure(reference=_reference(item), reason=int(item.get("FailureReason") or 0))
        for item in _items(dataset, "FailedSOPSequence")
    ]
    return CommitmentResult(
        transaction_uid=_transaction(dataset),
        committed=_references(dataset, "ReferencedSOPSequence"),
        failed=tuple(failed),
    )


def written_request(request: CommitmentRequest) -> Dataset:
    """Return the Action Information of a request."""
    dataset = Dataset()
    dataset.TransactionUID = request.transaction_uid
    dataset.ReferencedSOPSequence = _sequence(request.references)
    return dataset


def written_result(result: CommitmentResult) -> tuple[int, Dataset]:
    """Return the event type of a result, and its Event Information."""
    dataset = Dataset()
    dataset.TransactionUID = result.transaction_uid
    if result.committed:
        dataset.ReferencedSOPSequence = _sequence(result.committed)
    if not result.failed:
        return COMPLETE, dataset
    dataset.FailedSOPSequence = _sequence(each.reference for each in result.failed)
    for item, failure in zip(dataset.FailedSOPSequence, result.failed, strict=True):
        item.FailureReason = failure.reason
    return FAILURES_EXIST, dataset


def encoded_information(dataset: Dataset, syntax: UID) -> BytesIO:
    """Return a data set as it goes over an association."""
    data = encode(dataset, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    if data is None:
        raise AssertionError("a data set of UIDs that cannot be encoded")
    return BytesIO(data)


def _decoded(encoded: BytesIO | None, syntax: UID) -> Dataset:
    if encoded is None:
        raise UnusableCommitmentError(INVALID_ARGUMENT, "no instances are referenced")
    # What is larger than the node takes at all is not even kept; its size is known all the same.
    if getattr(encoded, "size", 0) > _LARGEST_BYTES:
        raise UnusableCommitmentError(RESOURCE_LIMITATION, _too_many())
    try:
        return decoded(encoded, syntax)
    except (IncompleteDataSetError, *_UNREADABLE) as error:
        raise UnusableCommitmentError(PROCESSING_FAILURE, "the data set is unreadable") from error


def _too_many() -> str:
    return f"more than {MOST_REFERENCES} instances: ask in parts"


def _transaction(dataset: Dataset) -> str:
    uid = str(_value(dataset, "TransactionUID") or "")
    if not _UID.fullmatch(uid):
        raise UnusableCommitmentError(INVALID_ARGUMENT, "Transaction UID is none")
    return uid


def _references(dataset: Dataset, keyword: str) -> tuple[Reference, ...]:
    return tuple(dict.fromkeys(_reference(item) for item in _items(dataset, keyword)))


def _items(dataset: Dataset, keyword: str) -> Iterator[Dataset]:
    items = _value(dataset, keyword)
    if items is None:
        return
    if not isinstance(items, Sequence):
        raise UnusableCommitmentError(INVALID_ARGUMENT, f"{keyword} is no sequence")
    if len(items) > MOST_REFERENCES:
        raise UnusableCommitmentError(RESOURCE_LIMITATION, _too_many())
    yield from items


def _reference(item: Dataset) -> Reference:
    sop_class = str(_value(item, "ReferencedSOPClassUID") or "")
    instance = str(_value(item, "ReferencedSOPInstanceUID") or "")
    if not (_UID.fullmatch(sop_class) and _UID.fullmatch(instance)):
        raise UnusableCommitmentError(INVALID_ARGUMENT, "an item lacks SOP class or instance")
    return Reference(sop_class_uid=sop_class, sop_instance_uid=instance)


def _value(dataset: Dataset, keyword: str) -> Any:
    try:
        return dataset.get(keyword)
    except _UNREADABLE as error:  # values are read when they are asked for
        words = f"{keyword} is unreadable"
        raise UnusableCommitmentError(PROCESSING_FAILURE, words) from error


def _sequence(references: Iterable[Reference]) -> Sequence:
    items = []
    for each in references:
        item = Dataset()
        item.ReferencedSOPClassUID = each.sop_class_uid
        item.ReferencedSOPInstanceUID = each.sop_instance_uid
        items.append(item)
    return Sequence(items)
