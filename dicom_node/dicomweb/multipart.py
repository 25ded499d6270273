"""multipart/related payloads (RFC 2387; PS3.18 Section 8.6.1.2), streamed part by part."""

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from fastapi.responses import StreamingResponse


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part: its bytes, and the media type that its header states."""

    content_type: str
    body: bytes
    location: str = ""


def multipart_related(parts: Iterable[Part], *, part_type: str) -> StreamingResponse:
    """Return a response of ``parts``; ``part_type`` is the media type of all of them.

    The first part is made before the response begins, so that what is wrong with it can still be
    answered with a status.
    """
    boundary = secrets.token_hex(16)
    encoded = _encoded(parts, boundary.encode())
    return StreamingResponse(
        chain([next(encoded)], encoded),
        media_type=f'multipart/related; type="{part_type}"; boundary={boundary}',
    )


def _encoded(parts: Iterable[Part], boundary: bytes) -> Iterator[bytes]:
    for part in parts:
        head = f"Content-Type: {part.content_type}\r\nContent-Length: {len(part.body)}\r\n"
        if part.location:
            head += f"Content-Location: {part.location}\r\n"
        yield b"--" + boundary + b"\r\n" + head.encode("ascii") + b"\r\n"
        yield part.body
        yield b"\r\n"
    yield b"--" + boundary + b"--\r\n"
