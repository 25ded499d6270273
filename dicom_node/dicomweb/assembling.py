"""Objects that come as metadata and bulk data (PS3.18 Sections 8.6 and 10.5.1) as Part 10 files.

The metadata is the DICOM JSON Model (Annex F), or was read into it from XML. Pixels are copied from
the parts that carry them and never held twice; frames that are compressed come one a part, in their
order.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from pydicom import Dataset, dcmwrite

from ai_engine.preprocessing.decoding import DECODING_ERRORS
from dicom_node.archive.part10 import FileMeta, encode_head
from dicom_node.dicomweb.data_sets import AVAILABLE_TRANSFER_SYNTAX, PIXEL_DATA
from dicom_node.dicomweb.errors import BadRequestBodyError
from dicom_node.dicomweb.media_types import EXPLICIT_LITTLE, FRAME_MEDIA_TYPES, OCTET_STREAM
from dicom_node.dicomweb.uploads import IncomingObject
from dicom_node.errors import NodeError
from dicom_node.query.json_model import from_json

_SOP_CLASS, _SOP_INSTANCE = "00080016", "00080018"
# What answers say about an object, and File Meta Information, are no part of it.
_NOT_OF_THE_OBJECT = frozenset({AVAILABLE_TRANSFER_SYNTAX, "00080056", "00081190"})
_FILE_META = "0002"
_URI = "BulkDataURI"
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
_TEXTS = frozenset({"LT", "ST", "UC", "UR", "UT"})
_PIXEL_TAG = (0x7FE0, 0x0010)
_PIECE = 2**20
_LONGEST_NUMBER = 12  # PS3.5 Section 6.2: of VR IS
_LONGEST_ELEMENT = 2**32 - 2
# Of several syntaxes of one media type, the first here is meant where no syntax is named.
_SYNTAX_OF = {media_type: uid for uid, media_type in reversed(FRAME_MEDIA_TYPES.items())} | {
    "image/jpeg": "1.2.840.10008.1.2.4.70",  # PS3.18 Table 8.7.3-2: the default
    OCTET_STREAM: EXPLICIT_LITTLE,
}


class CannotAssembleError(NodeError):
    """Metadata and bulk data are no object together; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkPart:
    """A part that carries a value, and what its Content-Type says."""

    content: IncomingObject
    media_type: str
    transfer_syntax: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """An object as the metadata describes it: its attributes, and the addresses of the others."""

    attributes: Mapping[str, Any]
    addresses: tuple[str, ...]

    @property
    def sop_class_uid(self) -> str:
        """Its SOP Class UID, empty where it names none."""
        return _first(self.attributes, _SOP_CLASS)

    @property
    def sop_instance_uid(self) -> str:
        """Its SOP Instance UID, empty where it names none."""
        return _first(self.attributes, _SOP_INSTANCE)

    @property
    def frames(self) -> int:
        """How many parts its pixels come in, where they are compressed."""
        count = _first(self.attributes, "00280008")
        is_number = count.isascii() and count.isdecimal() and len(count) <= _LONGEST_NUMBER
        return int(count) if is_number else 1

    @property
    def pixel_address(self) -> str:
        """The address of its pixels, empty where they come in no part."""
        return _address(self.attributes.get(PIXEL_DATA)) or ""


def described(parsed: Any) -> list[Described]:
    """Return the objects that metadata describes.

    Raises
    ------
    BadRequestBodyError
        It is no DICOM JSON Model.
    """
    objects = parsed if isinstance(parsed, list) else [parsed]
    if not objects or not all(isinstance(each, dict) for each in objects):
        raise BadRequestBodyError("the metadata is no data set in the DICOM JSON Model")
    return [
        Described(attributes=each, addresses=tuple(dict.fromkeys(_addresses(each))))
        for each in objects
    ]


def assemble(
    found: Described, bulk: Mapping[str, Sequence[BulkPart]], into: IncomingObject
) -> None:
    """Write an object as a Part 10 file.

    Raises
    ------
    CannotAssembleError
        It has no UIDs, or values that cannot be written.
    """
    pixels = bulk.get(found.pixel_address, ()) if found.pixel_address else ()
    syntax = _syntax(pixels)
    meta = FileMeta(
        sop_class_uid=found.sop_class_uid,
        sop_instance_uid=found.sop_instance_uid,
        transfer_syntax_uid=syntax,
    )
    try:
        head = encode_head(meta)
    except struct.error as error:
        raise CannotAssembleError("its UIDs are too long to be written") from error
    before, after = _encoded(found, bulk)
    into.write(head)
    into.write(before)
    if pixels and syntax == EXPLICIT_LITTLE:
        _write_native(found, pixels, into)
    elif pixels:
        _write_frames(pixels, into)
    into.write(after)


def _encoded(found: Described, bulk: Mapping[str, Sequence[BulkPart]]) -> tuple[bytes, bytes]:
    """Return the elements before the pixels that come in parts, and those behind them."""
    own = {
        tag: element
        for tag, element in found.attributes.items()
        if tag not in _NOT_OF_THE_OBJECT
        and not tag.startswith(_FILE_META)
        and not (tag == PIXEL_DATA and found.pixel_address)
    }

    def value(_tag: str, vr: str, address: str) -> Any:
        return _value(vr, bulk.get(address, ()))

    try:
        dataset = from_json(own, value)
        dataset.SpecificCharacterSet = "ISO_IR 192"  # JSON is UTF-8
        behind = Dataset()
        for tag in [each for each in dataset.keys() if each > _PIXEL_TAG]:  # noqa: SIM118
            behind[tag] = dataset[tag]
            del dataset[tag]
        return _written(dataset), _written(behind)
    except DECODING_ERRORS as error:
        raise CannotAssembleError("its metadata has values that cannot be written") from error


def _written(dataset: Dataset) -> bytes:
    buffer = BytesIO()
    dcmwrite(buffer, dataset, implicit_vr=False, little_endian=True)
    return buffer.getvalue()


def _value(vr: str, parts: Sequence[BulkPart]) -> Any:
    if len(parts) != 1 or parts[0].media_type != OCTET_STREAM or vr not in _BINARY | _TEXTS:
        raise CannotAssembleError(f"bulk data of VR {vr} comes as one part of {OCTET_STREAM}")
    content = bytes(parts[0].content.getbuffer())
    return content.decode("utf-8") if vr in _TEXTS else content


def _syntax(pixels: Sequence[BulkPart]) -> str:
    syntaxes = {each.transfer_syntax or _SYNTAX_OF.get(each.media_type, "") for each in pixels}
    if len(syntaxes) > 1 or "" in syntaxes:
        raise CannotAssembleError("the parts of its pixels name no transfer syntax, or several")
    syntax = syntaxes.pop() if syntaxes else EXPLICIT_LITTLE
    if syntax != EXPLICIT_LITTLE and syntax not in FRAME_MEDIA_TYPES:
        raise CannotAssembleError(f"pixels come in {EXPLICIT_LITTLE}, or compressed")
    return syntax


def _write_native(found: Described, parts: Sequence[BulkPart], into: IncomingObject) -> None:
    views = [each.content.getbuffer() for each in parts]
    length = sum(len(each) for each in views)
    if length + length % 2 > _LONGEST_ELEMENT:
        raise CannotAssembleError("its pixels are more than an element holds")
    element = found.attributes[PIXEL_DATA]
    vr = b"OB" if element.get("vr") == "OB" else b"OW"
    into.write(struct.pack("<HH2sHI", *_PIXEL_TAG, vr, 0, length + length % 2))
    _copy(views, into)
    into.write(b"\0" * (length % 2))


def _write_frames(parts: Iterable[BulkPart], into: IncomingObject) -> None:
    """Write encapsulated frames (PS3.5 Section A.4), a fragment each, without an offset table."""
    into.write(struct.pack("<HH2sHI", *_PIXEL_TAG, b"OB", 0, 0xFFFFFFFF))
    into.write(struct.pack("<HHI", 0xFFFE, 0xE000, 0))
    for each in parts:
        view = each.content.getbuffer()
        into.write(struct.pack("<HHI", 0xFFFE, 0xE000, len(view) + len(view) % 2))
        _copy([view], into)
        into.write(b"\0" * (len(view) % 2))
    into.write(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0))


def _copy(views: Iterable[memoryview], into: IncomingObject) -> None:
    for view in views:
        for start in range(0, len(view), _PIECE):
            into.write(bytes(view[start : start + _PIECE]))


def _addresses(attributes: Mapping[str, Any]) -> Iterator[str]:
    """Yield the addresses of values, also of those within sequences."""
    for element in attributes.values():
        if (address := _address(element)) is not None:
            yield address
        values = element.get("Value") if isinstance(element, dict) else None
        for item in values if isinstance(values, list) else ():
            if isinstance(item, dict) and element.get("vr") == "SQ":
                yield from _addresses(item)


def _address(element: Any) -> str | None:
    address = element.get(_URI) if isinstance(element, dict) else None
    return address if isinstance(address, str) else None


def _first(attributes: Mapping[str, Any], tag: str) -> str:
    element = attributes.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return str(values[0]) if isinstance(values, list) and values else ""
