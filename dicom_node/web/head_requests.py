"""HEAD: what GET would answer, without its body (RFC 9110 Section 9.3.2).

FastAPI's routes know the methods that they name and nothing else; load balancers, proxies and
viewers ask any address so.
"""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BODILESS = "is_bodiless"


def is_bodiless(request: Request) -> bool:
    """Tell whether the answer goes out without its body: nobody sees anything of what it holds."""
    return bool(getattr(request.state, _BODILESS, False))


class HeadRequests:
    """An ASGI middleware that has HEAD answered by who answers GET."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the body of an answer is made, and not sent."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                # At once: who listens to a stream of events would wait for its end.
                await send({"type": "http.response.body", "body": b"", "more_body": False})

        state = {**scope.get("state", {}), _BODILESS: True}
        asked = {**scope, "method": "GET", "state": state}
        try:
            await self._app(asked, receive, send_head)
        finally:
            if "route" in asked:  # by which the time that it took is told apart
                scope["route"] = asked["route"]
