"""Bodies that bring objects (PS3.18 Section 10.5.1): read part by part as they come, never whole.

IncomingBody
├── SinglePart               one object, ``application/dicom``
└── RelatedParts             ``multipart/related`` (RFC 2387), whose parts go to
    ├── WholeObjects         each an object, ``application/dicom``
    └── DescribedObjects     metadata first (``application/dicom+json`` or ``+xml``), then bulk data
"""

from collections.abc import Iterable, Iterator
from email.message import Message
from typing import Protocol

from dicom_node.dicomweb.described import DescribedObjects
from dicom_node.dicomweb.errors import BadRequestBodyError, UnsupportedMediaTypeError
from dicom_node.dicomweb.media_types import DICOM, DICOM_JSON, DICOM_XML, MULTIPART
from dicom_node.dicomweb.parts import PartHeaders, RelatedParts
from dicom_node.dicomweb.uploads import CANNOT_UNDERSTAND, IncomingObject, Kept, NotKept, Upload

_LONGEST_BOUNDARY = 70  # RFC 2046 Section 5.1.1
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
    kind = parameters.get("type", DICOM).lower()
    if name != MULTIPART or kind not in (DICOM, DICOM_JSON, DICOM_XML):
        raise UnsupportedMediaTypeError(
            f'objects are taken as {MULTIPART}; type="{DICOM}", "{DICOM_JSON}" or '
            f'"{DICOM_XML}"; boundary=…, or one as {DICOM}'
        )
    taker = WholeObjects(upload) if kind == DICOM else DescribedObjects(upload, kind)
    return RelatedParts(taker, _boundary(parameters.get("boundary", "")))


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


class WholeObjects:
    """Takes parts that are objects."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload

    def begin(self, headers: PartHeaders) -> IncomingObject | None:
        """Return what takes a DICOM file; a part that does not say what it is counts as one."""
        is_plain = headers.encoding in ("binary", "8bit", "7bit")
        return self._upload.begin() if headers.media_type in ("", DICOM) and is_plain else None

    def end(self, headers: PartHeaders, part: IncomingObject | None) -> Iterator[Kept | NotKept]:
        """Have an object kept."""
        if part is not None:
            yield self._upload.take(part, headers.location)
            return
        words = f"a part is {DICOM}, and encoded in no other way"
        yield NotKept(failure_reason=CANNOT_UNDERSTAND, words=words, location=headers.location)

    def finish(self) -> Iterable[Kept | NotKept]:
        """Return nothing: an object that has come is taken at once."""
        return ()

    def close(self) -> None:
        """Hold nothing that could be let go of."""
