"""Data sets of messages: whole, or refused."""

import tracemalloc
import zlib
from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)
from pynetdicom.dsutils import encode

from dicom_node.network.data_sets import decoded
from dicom_node.network.errors import IncompleteDataSetError
from dicom_node.network.object_buffer import BoundedBuffer, ObjectLimits

SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
RUBBISH = (
    b"hello, is anybody there?",
    b"\xff" * 40,
    b"\x00" * 40,
    bytes(range(1, 41)),
    b"GET / HTTP/1.1\r\nHost: node\r\n\r\n",
    b"\x00",
)


def a_query() -> Dataset:
    step, query = Dataset(), Dataset()
    step.ScheduledStationAETitle = "CT1"
    step.Modality = "CT"
    query.AccessionNumber = ""
    query.PatientID = "P-12345678"
    query.ScheduledProcedureStepSequence = Sequence([step])
    query.ScheduledProcedureStepSequence.is_undefined_length = True
    query.PatientName = "Doe^John*"
    return query


def encoded(dataset: Dataset, syntax: UID) -> bytes:
    data = encode(dataset, syntax.is_implicit_VR, syntax.is_little_endian, syntax.is_deflated)
    assert data is not None
    return data


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_whole_data_set_is_read_and_one_cut_anywhere_is_not(syntax: UID) -> None:
    """Also within its last value, where what is left of it would find other patients."""
    data = encoded(a_query(), syntax)
    assert decoded(BytesIO(data), syntax) == a_query()
    places = range(1, len(data))
    taken = []
    for place in places:
        try:
            taken.append(len(decoded(BytesIO(data[:place]), syntax)))
        except IncompleteDataSetError:
            continue
    # Cut between two elements it is whole again, and nothing tells.
    assert len(taken) <= len(a_query()), taken


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("data", RUBBISH)
def test_bytes_that_are_no_elements_are_no_query_for_everything(data: bytes, syntax: UID) -> None:
    with pytest.raises(IncompleteDataSetError):
        decoded(BytesIO(data), syntax)


def test_no_bytes_are_an_empty_data_set_and_none_at_all_is_said() -> None:
    assert decoded(BytesIO(b""), ExplicitVRLittleEndian) == Dataset()
    with pytest.raises(IncompleteDataSetError, match="no data set"):
        decoded(None, ExplicitVRLittleEndian)


def test_what_is_larger_than_is_taken_is_refused_and_not_read_as_empty() -> None:
    buffer = BoundedBuffer(ObjectLimits(max_bytes=8))
    buffer.write(encoded(a_query(), ExplicitVRLittleEndian))
    with pytest.raises(IncompleteDataSetError, match="larger"):
        decoded(buffer, ExplicitVRLittleEndian)


def test_what_inflates_to_gigabytes_is_given_up_early() -> None:
    deflating = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    bomb = b"".join(deflating.compress(bytes(2**20)) for _ in range(100)) + deflating.flush()
    assert len(bomb) < 2**18
    tracemalloc.start()
    try:
        with pytest.raises(IncompleteDataSetError, match="larger"):
            decoded(BytesIO(bomb), DeflatedExplicitVRLittleEndian)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * 2**20
