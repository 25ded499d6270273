"""What an ONNX file says of itself, read without its graph: who wrote it, for which operators.

An ONNX file is one protocol buffer, ``ModelProto`` (onnx.proto3, of ONNX's specification). Of its
fields only the outermost are read here; the graph is OpenVINO's to read. A file that breaks off is
found by its lengths.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from ai_engine.errors import WeightImportError

_PRODUCER, _PRODUCER_VERSION, _GRAPH, _OPSETS, _METADATA = 2, 3, 7, 8, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxHeader:
    """Producer, operator sets by domain (ONNX's own is empty), and metadata by key."""

    producer: str = ""
    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """What the file says, in words."""
        sets = ", ".join(f"{name or 'ONNX'} {number}" for name, number in self.opsets.items())
        return f"ONNX by {self.producer or 'nobody named'}, operators of {sets or 'no set named'}"


def read_onnx_header(data: bytes, name: str) -> OnnxHeader:
    """Read a file's outermost fields.

    Raises
    ------
    WeightImportError
        If it is no such file, or breaks off; ``name`` is said.
    """
    producer, opsets, metadata, has_graph = ["", ""], {}, {}, False
    try:
        for number, value in _fields(data):
            if number in (_PRODUCER, _PRODUCER_VERSION) and isinstance(value, bytes):
                producer[number - _PRODUCER] = _text(value)
            elif number == _OPSETS and isinstance(value, bytes):
                entry = dict(_fields(value))
                opsets[_text(entry.get(1, b""))] = _whole(entry.get(2, 0))
            elif number == _METADATA and isinstance(value, bytes):
                entry = dict(_fields(value))
                metadata[_text(entry.get(1, b""))] = _text(entry.get(2, b""))
            has_graph = has_graph or number == _GRAPH
    except (ValueError, IndexError) as error:
        raise WeightImportError(
            f"{name}: is no ONNX file, or breaks off in its midst; copy it again"
        ) from error
    if not has_graph:
        raise WeightImportError(f"{name}: is no ONNX file: it has no graph")
    return OnnxHeader(producer=" ".join(filter(None, producer)), opsets=opsets, metadata=metadata)


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """Number and value of each field of a message (protocol buffers' wire format)."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if not number:
            raise ValueError("a field without a number")
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError("a field of no known type")
        if at + size > len(data):
            raise ValueError("a field beyond the end")
        yield number, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number of too many bytes")


def _text(value: bytes | int) -> str:
    text = value.decode("utf-8", errors="replace") if isinstance(value, bytes) else ""
    return "".join(letter for letter in text if letter.isprintable())[:1000]


def _whole(value: bytes | int) -> int:
    return value if isinstance(value, int) else 0
