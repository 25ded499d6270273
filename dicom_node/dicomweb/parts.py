"""Parts of ``multipart/related`` (RFC 2387) as they come, parsed by python-multipart."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Protocol

from python_multipart.exceptions import ParseError
from python_multipart.multipart import MultipartParser

from dicom_node.dicomweb.errors import BadRequestBodyError
from dicom_node.dicomweb.media_types import MULTIPART
from dicom_node.dicomweb.uploads import IncomingObject, Kept, NotKept

MOST_PARTS = 100_000
_LONGEST_PREAMBLE = 16 * 1024
_LONGEST_HEADER = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PartHeaders:
    """What a part says of itself; ``media_type`` is empty where it does not say."""

    media_type: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    encoding: str = "binary"
    location: str = ""


class TakesParts(Protocol):
    """What the parts of a body go to."""

    def begin(self, headers: PartHeaders) -> IncomingObject | None:
        """Return what takes the bytes of a part; None where they are of no use."""
        ...

    def end(self, headers: PartHeaders, part: IncomingObject | None) -> Iterable[Kept | NotKept]:
        """Take a part that has come whole; return what became of the objects that it completes.

        Raises
        ------
        BadRequestBodyError
            The body is not what its Content-Type says.
        """
        ...

    def finish(self) -> Iterable[Kept | NotKept]:
        """Return what became of objects that never came whole."""
        ...

    def close(self) -> None:
        """Let go of what is kept."""
        ...


class RelatedParts:
    """A body of parts."""

    def __init__(self, taker: TakesParts, boundary: bytes) -> None:
        """Give ``taker`` the parts between boundaries."""
        self.outcomes: list[Kept | NotKept] = []
        self._taker = taker
        self._object: IncomingObject | None = None
        self._said: dict[str, str] = {}
        self._headers = PartHeaders()
        self._field = self._value = b""
        self._parts = 0
        self._is_whole = False
        self._delimiter = b"--" + boundary
        self._preamble: bytes | None = b""
        callbacks: dict[str, Callable[..., None]] = {
            "on_part_begin": self._on_part_begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }
        self._parser = MultipartParser(boundary, callbacks)  # type: ignore[arg-type]

    def write(self, data: bytes) -> None:
        """Take bytes of the parts."""
        if self._preamble is not None:
            data = self._after_preamble(self._preamble + data)
        if not data:
            return
        try:
            self._parser.write(data)
        except ParseError as error:
            raise BadRequestBodyError(f"{MULTIPART}: the parts cannot be told apart") from error

    def finish(self) -> None:
        """Check that the last delimiter has come."""
        if not self._is_whole:
            raise BadRequestBodyError("the body ends before its last boundary")
        self.outcomes.extend(self._taker.finish())
        if not self.outcomes:
            raise BadRequestBodyError("the body has no parts")

    def close(self) -> None:
        """Let go of a part that has not come whole."""
        if self._object is not None:
            self._object.close()
            self._object = None
        self._taker.close()

    def _after_preamble(self, held: bytes) -> bytes:
        """Return what follows the text before the first delimiter (RFC 2046 Section 5.1.1)."""
        at = held.find(self._delimiter)
        while at > 0 and held[at - 1 : at] != b"\n":
            at = held.find(self._delimiter, at + 1)
        if at < 0:
            if len(held) > _LONGEST_PREAMBLE:
                raise BadRequestBodyError("the body does not begin with its boundary")
            self._preamble = held
            return b""
        self._preamble = None
        return held[at:]

    def _on_part_begin(self) -> None:
        self._said = {}
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise BadRequestBodyError(f"a body has at most {MOST_PARTS} parts")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        name = self._field.decode("latin-1").lower()
        self._said[name] = self._value.decode("utf-8", "replace").strip()[:_LONGEST_HEADER]
        self._field = self._value = b""

    def _on_headers_finished(self) -> None:
        self._headers = _headers(self._said)
        self._object = self._taker.begin(self._headers)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._object is not None:
            self._object.write(data[start:end])

    def _on_part_end(self) -> None:
        whole, self._object = self._object, None
        self.outcomes.extend(self._taker.end(self._headers, whole))

    def _on_end(self) -> None:
        self._is_whole = True


def _headers(said: Mapping[str, str]) -> PartHeaders:
    message = Message()
    message["Content-Type"] = said.get("content-type", "").replace("\r", " ").replace("\n", " ")
    parameters = message.get_params(failobj=[])[1:]
    return PartHeaders(
        media_type=said.get("content-type", "").partition(";")[0].strip().lower(),
        parameters={key.lower(): str(value) for key, value in parameters},
        encoding=said.get("content-transfer-encoding", "binary").lower(),
        location=said.get("content-location", ""),
    )
