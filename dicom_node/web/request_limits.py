"""How large a request's body may be, and how long it may take to come."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BYTES = 4 * 2**20
"""The largest body: a workitem or a form has kilobytes, and images come by DICOM."""

MAX_SECONDS = 30.0
"""A body that is not there by then is not waited for: its thread and memory are others' too."""


class _RefusedError(HTTPException):
    """A request that is not taken; whoever reads its body lets this pass."""


class RequestLimits:
    """Answers 413 to what is too large and 408 to what is too slow (RFC 9110 Section 15.5)."""

    def __init__(
        self, app: ASGIApp, *, max_bytes: int = MAX_BYTES, seconds: float = MAX_SECONDS
    ) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._seconds = seconds

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
            self._require_length(scope)
            await self._app(scope, self._limited(receive), noting)
        except _RefusedError as refused:
            if has_begun:
                raise
            # What is left of the body is not read: the connection ends with the answer.
            answer = PlainTextResponse(
                refused.detail, status_code=refused.status_code, headers={"Connection": "close"}
            )
            await answer(scope, receive, send)

    def _require_length(self, scope: Scope) -> None:
        stated = dict(scope["headers"]).get(b"content-length", b"")
        if stated.isdigit() and (len(stated) > 18 or int(stated) > self._max_bytes):
            raise self._too_large()

    def _limited(self, receive: Receive) -> Callable[[], Awaitable[Message]]:
        deadline = asyncio.get_running_loop().time() + self._seconds
        taken, is_whole = 0, False

        async def limited() -> Message:
            nonlocal taken, is_whole
            if is_whole:  # from here on only the client's going away is waited for
                return await receive()
            left = deadline - asyncio.get_running_loop().time()
            try:
                message = await asyncio.wait_for(receive(), max(left, 0.001))
            except TimeoutError:
                raise _RefusedError(
                    408, f"the request did not come within {self._seconds:.0f} seconds"
                ) from None
            taken += len(message.get("body", b""))
            is_whole = not message.get("more_body", False)
            if taken > self._max_bytes:
                raise self._too_large()
            return message

        return limited

    def _too_large(self) -> _RefusedError:
        return _RefusedError(413, f"a request has at most {self._max_bytes} bytes")
