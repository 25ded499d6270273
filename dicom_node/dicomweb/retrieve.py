"""Retrieving (WADO-RS, PS3.18 Section 10.4): instances, frames and bulk data."""

import re
from collections.abc import Iterable, Iterator, Sequence

from fastapi import Response
from pydicom import Dataset

from dicom_node.dicomweb.data_sets import PIXEL_DATA, header
from dicom_node.dicomweb.decoding import Decoder
from dicom_node.dicomweb.errors import NotAcceptableError, UnknownResourceError
from dicom_node.dicomweb.frames import frame_count, is_compressed, stored_frames, transfer_syntax
from dicom_node.dicomweb.media_types import (
    ANY_TRANSFER_SYNTAX,
    DICOM,
    EXPLICIT_LITTLE,
    FRAME_MEDIA_TYPES,
    OCTET_STREAM,
    Accepted,
)
from dicom_node.dicomweb.multipart import Part, multipart_related
from dicom_node.query.catalogue import ArchivedObject

_TAG = re.compile(r"[0-9A-Fa-f]{8}")


def instances(
    found: Sequence[ArchivedObject], wanted: Iterable[Accepted], decoder: Decoder
) -> Response:
    """Return objects as DICOM files, in the first accepted transfer syntax that all can have.

    Without a transfer syntax in the Accept header that is Explicit VR Little Endian, as PS3.18
    Section 8.7.3.5.2 has it; ``*`` gives the objects as they are stored.

    Raises
    ------
    NotAcceptableError
        When the client accepts nothing that can be served.
    """
    problem = f'instances are served as multipart/related; type="{DICOM}"'
    for each in wanted:
        if not each.takes(DICOM):
            continue
        if other := _kept_from(found, each.transfer_syntax):
            problem = f"this object is served in {EXPLICIT_LITTLE} or {other}"
            continue
        single = not each.multipart and each.name == DICOM and len(found) == 1
        if single:
            return Response(_file(found[0], each.transfer_syntax, decoder), media_type=DICOM)
        return multipart_related(_files(found, each.transfer_syntax, decoder), part_type=DICOM)
    raise NotAcceptableError(problem)


def frames(
    archived: ArchivedObject,
    numbers: Sequence[int],
    wanted: Iterable[Accepted],
    decoder: Decoder,
) -> Response:
    """Return frames, counted from 1: native pixels, or the code stream that is stored.

    Raises
    ------
    DicomWebError
        When a frame does not exist, cannot be decoded, or no form of it is accepted.
    """
    stored = transfer_syntax(archived.path)
    for each in wanted:
        if each.takes(OCTET_STREAM) and each.transfer_syntax in ("", EXPLICIT_LITTLE):
            payload = _native(archived, numbers, decoder)
            return _frames(payload, OCTET_STREAM, EXPLICIT_LITTLE, each)
        if each.transfer_syntax not in (ANY_TRANSFER_SYNTAX, stored, ""):
            continue
        for name in (OCTET_STREAM, FRAME_MEDIA_TYPES.get(stored, "")):
            if name and each.takes(name):
                return _frames(stored_frames(archived.path, numbers), name, stored, each)
    raise NotAcceptableError(
        f"frames are served as {OCTET_STREAM} in {EXPLICIT_LITTLE}, or as stored in {stored}"
    )


def bulk_data(
    archived: ArchivedObject, tag: str, wanted: Iterable[Accepted], decoder: Decoder
) -> Response:
    """Return the value of one binary attribute.

    Raises
    ------
    DicomWebError
        When there is no such value, or the client does not accept it.
    """
    if tag.upper() == PIXEL_DATA:
        count = frame_count(header(archived.path), archived.path)
        return frames(archived, range(1, count + 1), wanted, decoder)
    value = _value(header(archived.path), tag)
    for each in wanted:
        if each.takes(OCTET_STREAM):
            return _frames([value], OCTET_STREAM, EXPLICIT_LITTLE, each)
    raise NotAcceptableError(f"bulk data is served as {OCTET_STREAM}")


def _native(archived: ArchivedObject, numbers: Sequence[int], decoder: Decoder) -> Sequence[bytes]:
    """Return native pixels; what is stored so needs no decoder."""
    if is_compressed(archived.path):
        return decoder.native_frames(archived.path, numbers)
    return stored_frames(archived.path, numbers)


def _frames(payload: Sequence[bytes], name: str, syntax: str, wanted: Accepted) -> Response:
    content_type = f"{name}; transfer-syntax={syntax}"
    if len(payload) == 1 and not wanted.multipart and wanted.name == name:
        return Response(payload[0], media_type=content_type)
    parts = (Part(content_type=content_type, body=each) for each in payload)
    return multipart_related(parts, part_type=name)


def _files(found: Iterable[ArchivedObject], wanted: str, decoder: Decoder) -> Iterator[Part]:
    for each in found:
        body = _file(each, wanted, decoder)
        syntax = transfer_syntax(each.path) if wanted == ANY_TRANSFER_SYNTAX else wanted
        content_type = f"{DICOM}; transfer-syntax={syntax or EXPLICIT_LITTLE}"
        yield Part(content_type=content_type, body=body)


def _kept_from(found: Iterable[ArchivedObject], wanted: str) -> str:
    """Return the transfer syntax of the first object that cannot be had in another; empty: all can.

    That is known before the answer begins, which nothing could take back.
    """
    if wanted in ("", EXPLICIT_LITTLE, ANY_TRANSFER_SYNTAX):
        return ""
    stored = (transfer_syntax(each.path) for each in found)
    return next((each for each in stored if each != wanted), "")


def _file(archived: ArchivedObject, wanted: str, decoder: Decoder) -> bytes:
    stored = transfer_syntax(archived.path)
    if wanted in (ANY_TRANSFER_SYNTAX, stored) or (not wanted and stored == EXPLICIT_LITTLE):
        return archived.path.read_bytes()
    return decoder.explicit_little(archived.path)


def _value(dataset: Dataset, tag: str) -> bytes:
    number = int(tag, 16) if _TAG.fullmatch(tag) else None
    if number is None or number not in dataset or not isinstance(dataset[number].value, bytes):
        raise UnknownResourceError("this object has no such bulk data")
    return bytes(dataset[number].value)
