"""What a request may be: how large, how long on its way, and text without the character NUL.

No name, reason or UID has a NUL, databases keep none in text (PostgreSQL fails on it), and C
libraries end words there. So it is refused before anything reads it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import MappingProxyType

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 4 * 2**20
"""The largest body: a workitem or a form has kilobytes, and images come by DICOM."""

MAX_SECONDS = 30.0
"""A body that is not there by then is not waited for: its thread and memory are others' too."""

_SILENT_SECONDS = 60.0
_SLOWEST = 4 * 2**10  # bytes a second

# How the kinds of bodies that hold text write NUL.
_NUL = MappingProxyType(
    {b"application/x-www-form-urlencoded": b"%00", b"application/json": b"\\u0000"}
)


class _RefusedError(HTTPException):
    """A request that is not taken; whoever reads its body lets this pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """Requests whose bodies are worked on while they come: larger ones are taken, for longer.

    ``is_one`` says it of a method and a path. Such a body may pause for ``silent`` seconds, and has
    all in all that long and one second for each ``slowest`` bytes of it.
    """

    is_one: Callable[[str, str], bool]
    max_bytes: int
    silent: float = _SILENT_SECONDS
    slowest: int = _SLOWEST


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """What holds for one request."""

    max_bytes: int
    seconds: float
    slowest: int = 0

    def deadline(self, begun: float, now: float, taken: int) -> float:
        """Return until when the next bytes have to come."""
        if not self.slowest:
            return begun + self.seconds
        return min(now + self.seconds, begun + self.seconds + taken / self.slowest)


class RequestLimits:
    """Answers 413 to what is too large, 408 to what is too slow, 400 to NUL (RFC 9110, 15.5)."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int = MAX_BYTES,
        seconds: float = MAX_SECONDS,
        streams: Streams | None = None,
    ) -> None:
        self._app = app
        self._usual = _Limits(max_bytes=max_bytes, seconds=seconds)
        self._streams = streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            limits = self._limits(scope)
            _require_length(scope, limits)
            _require_text(scope)
            await self._app(scope, _limited(_textual(receive, scope), limits), noting)
        except _RefusedError as refused:
            if has_begun:
                raise
            # What is left of the body is not read: the connection ends with the answer.
            answer = PlainTextResponse(
                refused.detail, status_code=refused.status_code, headers={"Connection": "close"}
            )
            await answer(scope, receive, send)

    def _limits(self, scope: Scope) -> _Limits:
        streams = self._streams
        if streams is None or not streams.is_one(scope["method"], scope["path"]):
            return self._usual
        return _Limits(max_bytes=streams.max_bytes, seconds=streams.silent, slowest=streams.slowest)


def _require_length(scope: Scope, limits: _Limits) -> None:
    stated = dict(scope["headers"]).get(b"content-length", b"")
    if stated.isdigit() and (len(stated) > 18 or int(stated) > limits.max_bytes):
        raise _too_large(limits)


def _require_text(scope: Scope) -> None:
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise _has_nul()


def _textual(receive: Receive, scope: Scope) -> Receive:
    """Let no NUL through in a body of text, however it is cut up on its way."""
    kind = dict(scope["headers"]).get(b"content-type", b"").partition(b";")[0].strip().lower()
    nul = _NUL.get(kind)
    if nul is None:
        return receive
    tail = b""

    async def textual() -> Message:
        nonlocal tail
        message = await receive()
        seen = tail + message.get("body", b"")
        if nul in seen or b"\0" in seen:
            raise _has_nul()
        tail = seen[1 - len(nul) :]
        return message

    return textual


def _limited(receive: Receive, limits: _Limits) -> Callable[[], Awaitable[Message]]:
    now = asyncio.get_running_loop().time
    begun, taken, is_whole = now(), 0, False

    async def limited() -> Message:
        nonlocal taken, is_whole
        if is_whole:  # from here on only the client's going away is waited for
            return await receive()
        left = limits.deadline(begun, now(), taken) - now()
        try:
            message = await asyncio.wait_for(receive(), max(left, 0.001))
        except TimeoutError:
            words = f"the request did not come within {limits.seconds:.0f} seconds"
            if limits.slowest:
                words = "the request comes too slowly, or no more of it"
            raise _RefusedError(408, words) from None
        taken += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        if taken > limits.max_bytes:
            raise _too_large(limits)
        return message

    return limited


def _too_large(limits: _Limits) -> _RefusedError:
    return _RefusedError(413, f"a request has at most {limits.max_bytes} bytes")


def _has_nul() -> _RefusedError:
    return _RefusedError(400, "a request has no character NUL")
