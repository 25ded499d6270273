"""Bodies that bring objects (PS3.18 Section 10.5.1): read part by part as they come, never whole.

IncomingBody
├── SinglePart       one object, ``application/dicom``
└── RelatedParts     ``multipart/related`` (RFC 2387), parsed by python-multipart
"""

from collections.abc import Callable
from email.message import Message
from typing import Protocol

from python_multipart.exceptions import ParseError
from python_multipart.multipart import MultipartParser

from dicom_node.dicomweb.errors import BadRequestBodyError, UnsupportedMediaTypeError
from dicom_node.dicomweb.media_types import DICOM, MULTIPART
from dicom_node.dicomweb.uploads import CANNOT_UNDERSTAND, IncomingObject, Kept, NotKept, Upload

MOST_PARTS = 100_000
_LONGEST_BOUNDARY = 70  # RFC 2046 Section 5.1.1
_LONGEST_PREAMBLE = 16 * 1024
_LONGEST_LOCATION = 1024
Outcome = Kept | NotKept


class IncomingBody(Protocol):
    """What a body is written to, in pieces of any size."""

    outcomes: list[Outcome]

    def write(self, data: bytes) -> None:
        """Take bytes.

        Raises
        ------
        BadRequestBodyError
            They are not what the Content-Type says.
        """

    def finish(self) -> None:
        """Say that this was the whole body.

        Raises
        ------
        BadRequestBodyError
            It is not: the end is missing, or there was nothing.
        """

    def close(self) -> None:
        """Let go of an object that has not come whole."""


def incoming_body(content_type: str | None, upload: Upload) -> IncomingBody:
    """Return what reads a body of this Content-Type into an upload.

    Raises
    ------
    UnsupportedMediaTypeError
        It is no media type of DICOM objects.
    BadRequestBodyError
        It is one whose parts cannot be told apart.
    """
    message = Message()
    message["Content-Type"] = (content_type or "").replace("\r", " ").replace("\n", " ")
    name = message.get_content_type() if "/" in (content_type or "") else ""
    if name == DICOM:
        return SinglePart(upload)
    parameters = {key.lower(): str(value) for key, value in message.get_params(failobj=[])[1:]}
    if name != MULTIPART or parameters.get("type", DICOM).lower() != DICOM:
        raise UnsupportedMediaTypeError(
            f'objects are taken as {MULTIPART}; type="{DICOM}"; boundary=…, or one as {DICOM}'
        )
    return RelatedParts(upload, _boundary(parameters.get("boundary", "")))


def _boundary(text: str) -> bytes:
    fine = 0 < len(text) <= _LONGEST_BOUNDARY and text.isascii() and text.isprintable()
    if not fine or text.endswith(" "):
        raise BadRequestBodyError(f"{MULTIPART} needs a boundary of 1 to 70 printable characters")
    return text.encode("ascii")


class SinglePart:
    """A body that is one object."""

    def __init__(self, upload: Upload) -> None:
        self.outcomes: list[Outcome] = []
        self._upload = upload
        self._object: IncomingObject | None = upload.begin()
        self._has_bytes = False

    def write(self, data: bytes) -> None:
        """Take bytes of the object."""
        if self._object is not None:
            self._has_bytes = self._has_bytes or bool(data)
            self._object.write(data)

    def finish(self) -> None:
        """Have the object kept."""
        if self._object is None or not self._has_bytes:
            raise BadRequestBodyError("the body is empty")
        whole, self._object = self._object, None
        self.outcomes.append(self._upload.take(whole, ""))

    def close(self) -> None:
        """Let go of the object."""
        if self._object is not None:
            self._object.close()
            self._object = None


class RelatedParts:
    """A body of parts, each an object."""

    def __init__(self, upload: Upload, boundary: bytes) -> None:
        self.outcomes: list[Outcome] = []
        self._upload = upload
        self._object: IncomingObject | None = None
        self._headers: dict[str, str] = {}
        self._field = self._value = b""
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
        if not self.outcomes:
            raise BadRequestBodyError("the body has no parts")

    def close(self) -> None:
        """Let go of a part that has not come whole."""
        if self._object is not None:
            self._object.close()
            self._object = None

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
        self._headers = {}
        if len(self.outcomes) >= MOST_PARTS:
            raise BadRequestBodyError(f"a body has at most {MOST_PARTS} parts")

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _on_header_end(self) -> None:
        name = self._field.decode("latin-1").lower()
        self._headers[name] = self._value.decode("utf-8", "replace").strip()
        self._field = self._value = b""

    def _on_headers_finished(self) -> None:
        self._object = self._upload.begin() if self._is_dicom() else None

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._object is not None:
            self._object.write(data[start:end])

    def _on_part_end(self) -> None:
        location = self._headers.get("content-location", "")[:_LONGEST_LOCATION]
        whole, self._object = self._object, None
        if whole is None:
            words = f"a part is {DICOM}, and encoded in no other way"
            outcome: Outcome = NotKept(
                failure_reason=CANNOT_UNDERSTAND, words=words, location=location
            )
        else:
            outcome = self._upload.take(whole, location)
        self.outcomes.append(outcome)

    def _on_end(self) -> None:
        self._is_whole = True

    def _is_dicom(self) -> bool:
        """Whether the part says that it is a DICOM file; without a word it counts as one."""
        name = self._headers.get("content-type", DICOM).partition(";")[0].strip().lower()
        encoding = self._headers.get("content-transfer-encoding", "binary").lower()
        return name == DICOM and encoding in ("binary", "8bit", "7bit")
