"""DICOM files, read without letting a deflated one fill the memory."""

import copy
import zlib
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.errors import InvalidDicomError
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_file_meta_info
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from ai_engine.errors import InflatesTooFarError

ALWAYS_INFLATED = 64 * 2**20
"""Bytes that any deflated data set may inflate to: a radiograph has 10 to 40 million."""

LARGEST_RATIO = 100
"""Larger ones may have this many times the bytes of the file: images inflate to 2 to 10 times."""

MOST_INFLATED = 2**30
"""But none inflates to more than this."""

_HEAD = 4096
_PREFIX = bytes(128) + b"DICM"
_GROUP_LENGTH_ELEMENT = 12


def read_object(path: Path, *, stop_before_pixels: bool = False) -> Dataset:
    """Read a Part 10 file as pydicom does, and a deflated one (PS3.5 A.5) up to a limit.

    Raises
    ------
    InflatesTooFarError
        It inflates beyond what any image does.
    InvalidDicomError
        It is not a Part 10 file.
    OSError, DECODING_ERRORS
        It cannot be read, or is damaged.
    """
    with path.open("rb") as file:
        is_deflated = DeflatedExplicitVRLittleEndian.encode() in file.read(_HEAD)
    if not is_deflated:
        return dcmread(path, stop_before_pixels=stop_before_pixels)
    meta = read_file_meta_info(path)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return dcmread(path, stop_before_pixels=stop_before_pixels)
    if "FileMetaInformationGroupLength" not in meta:
        raise InvalidDicomError("the File Meta Information does not say where it ends")
    start = len(_PREFIX) + _GROUP_LENGTH_ELEMENT + meta.FileMetaInformationGroupLength
    plain = _inflated(path.read_bytes()[start:])
    inner = copy.deepcopy(meta)
    inner.TransferSyntaxUID = ExplicitVRLittleEndian
    whole = DicomBytesIO()
    whole.write(_PREFIX)
    write_file_meta_info(whole, inner, enforce_standard=False)
    whole.write(plain)
    whole.seek(0)
    dataset = dcmread(whole, stop_before_pixels=stop_before_pixels)
    dataset.file_meta = meta
    return dataset


def _inflated(data: bytes) -> bytes:
    limit = min(max(ALWAYS_INFLATED, LARGEST_RATIO * len(data)), MOST_INFLATED)
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = stream.decompress(data, limit)
    if stream.unconsumed_tail or len(plain) >= limit:
        raise InflatesTooFarError(
            f"the deflated data set inflates to more than {limit >> 20} MiB; send it uncompressed"
        )
    if not stream.eof:
        raise zlib.error("the deflated data set breaks off")
    return plain
