"""Media types (PS3.18 Section 8.7): what a client accepts, and which of it is served."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.message import Message

from starlette.requests import Request

from dicom_node.dicomweb.errors import NotAcceptableError

DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
OCTET_STREAM = "application/octet-stream"
MULTIPART = "multipart/related"
ACCEPT = "accept"
ANY_TRANSFER_SYNTAX = "*"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"

# PS3.18 Table 8.7.3-5: how a compressed frame travels as bulk data.
FRAME_MEDIA_TYPES = {
    "1.2.840.10008.1.2.4.50": "image/jpeg",
    "1.2.840.10008.1.2.4.51": "image/jpeg",
    "1.2.840.10008.1.2.4.57": "image/jpeg",
    "1.2.840.10008.1.2.4.70": "image/jpeg",
    "1.2.840.10008.1.2.4.80": "image/jls",
    "1.2.840.10008.1.2.4.81": "image/jls",
    "1.2.840.10008.1.2.4.90": "image/jp2",
    "1.2.840.10008.1.2.4.91": "image/jp2",
    "1.2.840.10008.1.2.4.92": "image/jpx",
    "1.2.840.10008.1.2.4.93": "image/jpx",
    "1.2.840.10008.1.2.4.110": "image/jxl",
    "1.2.840.10008.1.2.4.112": "image/jxl",
    "1.2.840.10008.1.2.4.201": "image/jphc",
    "1.2.840.10008.1.2.4.202": "image/jphc",
    "1.2.840.10008.1.2.4.203": "image/jphc",
    "1.2.840.10008.1.2.5": "image/dicom-rle",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """One media type of an Accept header.

    For ``multipart/related``, ``name`` is the type of the parts. ``transfer_syntax`` is empty where
    the client names none. A wildcard takes nothing of what the client refuses by name.
    """

    name: str
    multipart: bool = False
    transfer_syntax: str = ""
    quality: float = field(default=1.0, compare=False)
    refused: frozenset[str] = frozenset()

    def takes(self, name: str) -> bool:
        """Whether a part or payload of media type ``name`` is accepted."""
        if self.name == name:
            return True
        return self.name in ("*/*", name.partition("/")[0] + "/*") and name not in self.refused


def asked(request: Request) -> str | None:
    """Return what a client accepts: its query parameter before its header (PS3.18 8.3.3.1).

    A plus sign that somebody wrote as it is arrives as a space, which no media type has.
    """
    parameter = request.query_params.get(ACCEPT)
    if parameter is None:
        return request.headers.get("Accept")
    return parameter.replace("/dicom ", "/dicom+")


def accepted(header: str | None) -> tuple[Accepted, ...]:
    """Return what an Accept header takes, the best first; everything where there is none.

    What has the quality 0 is refused (RFC 9110 Section 12.4.2).
    """
    found = [_accepted(part) for part in _split(header or "*/*")]
    taken = [each for each in found if each.quality > 0]
    refused = frozenset(each.name for each in found if not each.quality > 0)
    best_first = sorted(taken, key=lambda each: -each.quality)
    return tuple(replace(each, refused=refused) for each in best_first)


def require(header: str | None, *names: str) -> str:
    """Return the first of ``names`` that the client accepts.

    Raises
    ------
    NotAcceptableError
        When it accepts none.
    """
    return chosen(header, *names)[0]


def chosen(header: str | None, *names: str) -> tuple[str, bool]:
    """Return the first of ``names`` that the client accepts, and whether as parts of a body.

    Raises
    ------
    NotAcceptableError
        When it accepts none.
    """
    for wanted in accepted(header):
        for name in names:
            if wanted.takes(name):
                return name, wanted.multipart
    raise NotAcceptableError(f"this resource is served as {' or '.join(names)}")


def _accepted(text: str) -> Accepted:
    message = Message()
    message["Content-Type"] = text
    name = message.get_content_type() if "/" in text else "*/*"
    if text.lstrip().startswith("*/*"):  # the email package takes it for no type at all
        name = "*/*"
    parameters = {key.lower(): str(value) for key, value in message.get_params(failobj=[])[1:]}
    syntax = parameters.get("transfer-syntax", "")
    quality = _number(parameters.get("q", "1"))
    if name == MULTIPART:
        parts = parameters.get("type", "*/*").lower()
        return Accepted(name=parts, multipart=True, transfer_syntax=syntax, quality=quality)
    return Accepted(name=name, transfer_syntax=syntax, quality=quality)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _split(header: str) -> Iterator[str]:
    """Split at commas that are not within quotes."""
    part: list[str] = []
    quoted = False
    for character in header:
        quoted ^= character == '"'
        if character == "," and not quoted:
            yield "".join(part).strip()
            part = []
        else:
            part.append(character)
    if "".join(part).strip():
        yield "".join(part).strip()
