"""The data set of a message other than C-STORE: read whole, or not at all.

The library takes what breaks off within its last value for a data set with a shorter one, bytes
that are no elements for one without any, and inflates without limit. A key that was cut short finds
other patients, and a query without keys finds everybody's.
"""

import zlib
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian
from pynetdicom.dsutils import decode

from dicom_node.archive.elements import EncodedDataset
from dicom_node.domain.reception import UnreadableDatasetError
from dicom_node.network.errors import IncompleteDataSetError
from dicom_node.network.object_buffer import IN_MEMORY, BoundedBuffer

# PS3.5 Section 7.1: groups 0000 and 0002 are of commands and of files, and no data set's.
_FIRST_TAG = 0x00040000


def decoded(encoded: BytesIO | None, syntax: UID) -> Dataset:
    """Return a data set whose elements fill its bytes; an empty one where there are no bytes.

    Values are decoded when they are asked for, as pydicom does it.

    Raises
    ------
    IncompleteDataSetError
        There is none, it ends within an element, or the bytes are no elements.
    """
    data = _inflated(encoded, syntax)
    check_whole(data, syntax)
    return decode(BytesIO(data), syntax.is_implicit_VR, syntax.is_little_endian)


def check_whole(data: bytes, syntax: UID) -> None:
    """Check that the bytes, inflated, are elements up to their end.

    Raises
    ------
    IncompleteDataSetError
        They are not.
    """
    plain = ExplicitVRLittleEndian if syntax.is_deflated else syntax
    end = 0
    try:
        for element in EncodedDataset(data, plain).elements():
            if element.tag < _FIRST_TAG:
                raise IncompleteDataSetError("the data set holds elements that are none of one")
            end = element.end
    except UnreadableDatasetError as error:
        raise IncompleteDataSetError("the data set ends within an element") from error
    if end != len(data):
        raise IncompleteDataSetError("the data set ends within an element")


def _inflated(encoded: BytesIO | None, syntax: UID) -> bytes:
    if encoded is None:
        raise IncompleteDataSetError("there is no data set")
    # What was more than is taken has been let go of, and what was large is on the disk.
    if isinstance(encoded, BoundedBuffer) and (encoded.overflowed or encoded.size > IN_MEMORY):
        raise IncompleteDataSetError("the data set is larger than is taken")
    data = encoded.getvalue()
    if not syntax.is_deflated or not data:
        return data
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = inflating.decompress(data, IN_MEMORY)
    except zlib.error as error:
        raise IncompleteDataSetError("the data set cannot be inflated") from error
    if not inflating.eof:  # cut off, or larger than any
        raise IncompleteDataSetError("the data set is cut off, or larger than is taken")
    return inflated
