"""The head of a Part 10 file (PS3.10 Section 7.1): written around bytes that stay as they are."""

import struct
from dataclasses import dataclass

from dicom_node.archive.elements import Buffer, EncodedDataset
from dicom_node.domain.reception import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    Announcement,
    UnreadableDatasetError,
)

# UUID-derived (PS3.5 Annex B.2) and fixed for all time: who wrote the private information.
DIGEST_CREATOR_UID = "2.25.174938442477190908606658211419682283549"

_PREAMBLE = bytes(128) + b"DICM"
_EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
_LONG_VRS = frozenset({"OB"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileMeta:
    """The File Meta Information that the archive writes and reads.

    ``digest`` (SHA-256 of the data set, hexadecimal) travels as private information, so that an
    index can be rebuilt, and a file checked, without asking anything else.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae: str = ""
    called_ae: str = ""
    digest: str = ""


def file_meta(announced: Announcement, *, digest: str) -> FileMeta:
    """Return the File Meta Information for an object as it was announced."""
    return FileMeta(
        sop_class_uid=announced.sop_class_uid,
        sop_instance_uid=announced.sop_instance_uid,
        transfer_syntax_uid=announced.transfer_syntax_uid,
        calling_ae=announced.calling_ae,
        called_ae=announced.called_ae,
        digest=digest,
    )


def encode_head(meta: FileMeta) -> bytes:
    """Return preamble, prefix and File Meta Information."""
    elements = [
        _element(0x0001, "OB", b"\x00\x01"),
        _element(0x0002, "UI", meta.sop_class_uid),
        _element(0x0003, "UI", meta.sop_instance_uid),
        _element(0x0010, "UI", meta.transfer_syntax_uid),
        _element(0x0012, "UI", IMPLEMENTATION_CLASS_UID),
        _element(0x0013, "SH", IMPLEMENTATION_VERSION_NAME),
    ]
    if meta.calling_ae:
        # (0002,0016) is the source of the file, (0002,0017) who sent it to us: here the same AE.
        elements += [_element(number, "AE", meta.calling_ae) for number in (0x0016, 0x0017)]
    if meta.called_ae:
        elements.append(_element(0x0018, "AE", meta.called_ae))
    if meta.digest:
        elements.append(_element(0x0100, "UI", DIGEST_CREATOR_UID))
        elements.append(_element(0x0102, "OB", bytes.fromhex(meta.digest)))
    group = b"".join(elements)
    return _PREAMBLE + _element(0x0000, "UL", struct.pack("<L", len(group))) + group


def decode_head(data: Buffer) -> tuple[FileMeta, int]:
    """Return the File Meta Information of a Part 10 file and where its data set begins.

    Raises
    ------
    UnreadableDatasetError
        Not a Part 10 file, or one without a transfer syntax.
    """
    if bytes(data[128:132]) != b"DICM":
        raise UnreadableDatasetError("no DICM prefix: not a Part 10 file")
    head = EncodedDataset(memoryview(data)[132:], _EXPLICIT_LITTLE)
    values: dict[int, bytes] = {}
    offset = 132
    for element in head.elements(group=0x0002):
        values[element.tag & 0xFFFF] = head.value(element)
        offset = 132 + element.end
    meta = _decoded(values)
    if not meta.transfer_syntax_uid:
        raise UnreadableDatasetError("the File Meta Information has no Transfer Syntax UID")
    return meta, offset


def _decoded(values: dict[int, bytes]) -> FileMeta:
    def text(number: int) -> str:
        return values.get(number, b"").decode("ascii", "replace").strip(" \0")

    return FileMeta(
        sop_class_uid=text(0x0002),
        sop_instance_uid=text(0x0003),
        transfer_syntax_uid=text(0x0010),
        calling_ae=text(0x0016),
        called_ae=text(0x0018),
        digest=values.get(0x0102, b"").hex() if text(0x0100) == DIGEST_CREATOR_UID else "",
    )


def _element(number: int, vr: str, value: str | bytes) -> bytes:
    encoded = value.encode("ascii", "replace") if isinstance(value, str) else value
    if len(encoded) % 2:
        encoded += b"\0" if vr in ("UI", "OB") else b" "
    if vr in _LONG_VRS:
        return struct.pack("<HH2sHL", 2, number, vr.encode(), 0, len(encoded)) + encoded
    return struct.pack("<HH2sH", 2, number, vr.encode(), len(encoded)) + encoded
