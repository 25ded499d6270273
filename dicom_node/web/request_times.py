"""How long requests take, by the route that answers them: never by the address that was asked."""

import time
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

UNKNOWN = "unknown"

Observe = Callable[[str, str, int, float], None]
"""Takes method, route, status and seconds."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestTimes:
    """An ASGI middleware that tells ``observe`` of each answer."""

    def __init__(self, application: ASGIApp, observe: Observe) -> None:
        self._application = application
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and measure it."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        begun = time.monotonic()
        status = 500
        is_stream = False

        async def noting(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status = message["status"]
                kind = Headers(raw=message["headers"]).get("content-type", "")
                # How long a page listens is no figure of how fast it is answered.
                is_stream = kind.startswith("text/event-stream")
            await send(message)

        try:
            await self._application(scope, receive, noting)
        finally:
            if not is_stream:
                method = scope["method"] if scope["method"] in _METHODS else UNKNOWN
                self._observe(method, _route(scope), status, time.monotonic() - begun)


def _route(scope: Scope) -> str:
    """Return the pattern of the route, with the names of its parts instead of what they were."""
    path = getattr(scope.get("route"), "path", None)
    if isinstance(path, str):
        return path
    return "/static" if scope["path"].startswith("/static/") else UNKNOWN
