"""DICOM files, read by pydicom whatever their VRs are, and without filling the memory."""

import mmap
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmread
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from ai_engine.errors import InflatesTooFarError
from dicom_node.archive.elements import Buffer
from dicom_node.archive.part10 import decode_head, encode_head
from dicom_node.archive.readable import leave_out_impossible, mended, readable
from dicom_node.domain.mended import MendedElements
from dicom_node.domain.reception import UnreadableDatasetError

ALWAYS_INFLATED = 64 * 2**20
"""Bytes that any deflated data set may inflate to: a radiograph has 10 to 40 million."""

LARGEST_RATIO = 100
"""Larger ones may have this many times the bytes of the file: images inflate to 2 to 10 times."""

MOST_INFLATED = 2**30
"""But none inflates to more than this."""


def read_object(path: Path, *, stop_before_pixels: bool = False) -> Dataset:
    """Read a Part 10 file: a deflated one (PS3.5 A.5) up to a limit, odd VRs as they were meant.

    Raises
    ------
    InflatesTooFarError
        It inflates beyond what any image does.
    InvalidDicomError
        It is not a Part 10 file.
    OSError
        It cannot be read at all.
    DECODING_ERRORS
        It is damaged.
    """
    try:
        dataset = _read(path, stop_before_pixels=stop_before_pixels)
    except OSError as error:
        if error.errno is None:  # pydicom's own, of a data set that breaks off
            raise EOFError("the data set breaks off within an element") from error
        raise
    leave_out_impossible(dataset)
    return dataset


def mended_elements(path: Path) -> MendedElements:
    """Say which elements of a Part 10 file are not read as they state; none of what is damaged.

    Raises
    ------
    OSError
        It cannot be read at all.
    """
    view = _mapped(path)
    try:
        meta, start = decode_head(view)
        if meta.transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            return mended(_inflated(view[start:]), ExplicitVRLittleEndian)
        return mended(view[start:], meta.transfer_syntax_uid)
    except (UnreadableDatasetError, InflatesTooFarError, zlib.error):
        return MendedElements()


def _read(path: Path, *, stop_before_pixels: bool) -> Dataset:
    view = _mapped(path)
    try:
        meta, start = decode_head(view)
        is_deflated = meta.transfer_syntax_uid == DeflatedExplicitVRLittleEndian
        plain = _inflated(view[start:]) if is_deflated else view[start:]
        syntax = ExplicitVRLittleEndian if is_deflated else meta.transfer_syntax_uid
        changed = readable(plain, syntax)
    except UnreadableDatasetError:  # pydicom says what of it
        return dcmread(path, stop_before_pixels=stop_before_pixels)
    if not is_deflated and changed is None:
        return dcmread(path, stop_before_pixels=stop_before_pixels)
    head = encode_head(replace(meta, transfer_syntax_uid=syntax)) if is_deflated else view[:start]
    whole = BytesIO(b"".join((head, plain if changed is None else changed)))
    dataset = dcmread(whole, stop_before_pixels=stop_before_pixels)
    if is_deflated:
        dataset.file_meta = read_file_meta_info(path)
    return dataset


def _mapped(path: Path) -> memoryview:
    with path.open("rb") as file:
        try:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
        except ValueError:  # an empty file cannot be mapped
            return memoryview(b"")


def _inflated(data: Buffer) -> bytes:
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
