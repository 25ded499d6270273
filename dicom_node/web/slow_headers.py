"""Connections whose request does not come: closed after a while, and the oldest first where many.

uvicorn waits for a request's header as long as its sender likes; a thousand senders of a byte a
second take all file descriptors of the process, the databases' too. What counts here is a
connection until the header of its request is whole: browsers send theirs within milliseconds.
"""

import asyncio
from collections import OrderedDict
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

SECONDS = 10.0
"""How long a request's header may take."""

MOST = 256
"""How many connections may wait for one; the one that has waited for longest gives way."""

_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class HeaderRoom:
    """The connections that wait for a request's header; used by one event loop."""

    def __init__(self, seconds: float, most: int) -> None:
        self._seconds = seconds
        self._most = most
        self._waiting: OrderedDict[H11Protocol, asyncio.TimerHandle] = OrderedDict()

    def enter(self, connection: H11Protocol) -> None:
        """Wait for a connection's next header, unless it is waited for already."""
        if connection in self._waiting:
            return
        if len(self._waiting) >= self._most:
            self._give_up(next(iter(self._waiting)))
        timer = connection.loop.call_later(self._seconds, self._give_up, connection)
        self._waiting[connection] = timer

    def leave(self, connection: H11Protocol) -> None:
        """Wait for it no more: the header is whole, or the connection has gone."""
        timer = self._waiting.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def _give_up(self, connection: H11Protocol) -> None:
        self.leave(connection)
        if connection.transport.is_closing():
            return
        # Browsers open connections ahead: an answer to what one has yet to ask would be taken for
        # the answer to what it asks at that very moment.
        header_begun, _ = connection.conn.trailing_data
        if header_begun:
            connection.transport.write(_TIMED_OUT)
        connection.transport.close()


class _Protocol(H11Protocol):
    """Waits for the header of each request, and not longer than it should take."""

    room: ClassVar[HeaderRoom]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self.room.enter(self)

    def data_received(self, data: bytes) -> None:
        """Take what has come; wait for the rest of a header."""
        super().data_received(data)
        # h11 leaves IDLE when a whole header has come.
        if self.conn.their_state is h11.IDLE:
            self.room.enter(self)
        else:
            self.room.leave(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        self.room.leave(self)
        super().connection_lost(exc)


def protocol_with_deadline(seconds: float = SECONDS, most: int = MOST) -> type[H11Protocol]:
    """Return uvicorn's protocol with a deadline for headers; all its connections share ``most``."""
    return type("ProtocolWithDeadline", (_Protocol,), {"room": HeaderRoom(seconds, most)})
