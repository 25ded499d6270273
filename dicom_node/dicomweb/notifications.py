"""Notifications of work items over a WebSocket that the receiver opens (PS3.18 Section 11.13).

Each event is one text message in the DICOM JSON Model, its DIMSE elements (group 0000) among the
others. What was not sent while nobody listened is sent first. Who listens anew is told nothing
until it is written down what the connection before was told: it would be told twice.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastapi import APIRouter, HTTPException, WebSocket, WebSocketDisconnect
from fastapi.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import Response

from dicom_node.domain.peer_message import PeerMessage
from dicom_node.ups.codes import UPS_EVENT

_LOOK_AGAIN = 5.0  # seconds
# For what a connection that is over is still sending, to a receiver that may take nothing any more.
_LAST_WORDS = 5.0  # seconds
_TAKEN_OVER = 4000  # of those that applications choose (RFC 6455, section 7.4.2)


class Inbox(Protocol):
    """What is to be told to a receiver over its WebSocket."""

    def waiting(self, title: str) -> Sequence[PeerMessage]:
        """Return some of what was not sent yet, in its order."""
        ...

    def sent(self, message: PeerMessage) -> None:
        """Take note that a message was sent."""
        ...


@dataclass(slots=True, eq=False)
class _Place:
    """One open WebSocket, as other threads wake it; ``former`` is the one that it takes over."""

    loop: asyncio.AbstractEventLoop
    former: "_Place | None" = None
    news: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: bool = False

    async def has_place(self) -> None:
        """Return when the former one tells nothing more, and what it told is written down."""
        former, self.former = self.former, None
        if former is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(former.left.wait(), _LAST_WORDS)

    def wake(self) -> None:
        with suppress(RuntimeError):  # its loop has ended
            self.loop.call_soon_threadsafe(self.news.set)


class Notifier:
    """Knows who listens; the newest WebSocket of an AE title is the one that is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}

    def wake(self, title: str) -> None:
        """Have a receiver look for what is to be told, if it listens; from any thread."""
        with self._lock:
            place = self._places.get(title)
        if place is not None:
            place.wake()

    @contextmanager
    def listening(self, title: str) -> Iterator[_Place]:
        """Listen for a ``with`` block; whoever listened before is told that it is over."""
        place = _Place(asyncio.get_running_loop())
        with self._lock:
            place.former, self._places[title] = self._places.get(title), place
        if place.former is not None:
            place.former.is_over = True
            place.former.wake()
        try:
            yield place
        finally:
            with self._lock:
                if self._places.get(title) is place:
                    del self._places[title]


def notifications_router(
    *,
    caller: Callable[[HTTPConnection], str],
    notifier: Notifier,
    inbox: Inbox,
    prefix: str = "/dicom-web",
) -> APIRouter:
    """Return the route of the notification channel.

    Parameters
    ----------
    caller : callable
        Says as which AE title a connection is opened; raises HTTPException where it may not be.
    notifier : Notifier
        Wakes it.
    inbox : Inbox
        What is told.
    prefix : str
        Where the service lies on the node.
    """
    router = APIRouter(prefix=prefix, tags=["UPS-RS"])

    @router.websocket("/subscribers/{title}")
    async def channel(socket: WebSocket, title: str) -> None:
        refusal = await run_in_threadpool(_refusal, caller, socket, title)
        if refusal is not None:
            await socket.send_denial_response(refusal)
            return
        await socket.accept()
        with notifier.listening(title) as place:
            gone = asyncio.ensure_future(_gone(socket))
            try:
                await place.has_place()
                await _tell(socket, title, place, inbox, gone)
            except WebSocketDisconnect:
                return
            finally:
                place.left.set()
                gone.cancel()
            if place.is_over and not gone.done():
                await socket.close(_TAKEN_OVER, "another connection listens as this AE title")

    return router


async def _tell(
    socket: WebSocket, title: str, place: _Place, inbox: Inbox, gone: "asyncio.Future[None]"
) -> None:
    while not place.is_over and not gone.done():
        place.news.clear()
        while waiting := await run_in_threadpool(inbox.waiting, title):
            for message in waiting:
                if place.is_over or gone.done():
                    return
                await socket.send_text(json.dumps(event_json(message)))
                await run_in_threadpool(inbox.sent, message)
        news = asyncio.ensure_future(_news(place))
        # Of what another host of the node has to tell, nobody wakes this one.
        await asyncio.wait({gone, news}, return_when=asyncio.FIRST_COMPLETED, timeout=_LOOK_AGAIN)
        news.cancel()


async def _news(place: _Place) -> None:
    """Return when there is something to be told, or another has taken over."""
    await place.news.wait()


async def _gone(socket: WebSocket) -> None:
    """Return when the other side has gone; what it says is of no concern."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        continue


def _refusal(
    caller: Callable[[HTTPConnection], str], connection: HTTPConnection, title: str
) -> Response | None:
    try:
        by = caller(connection)
    except HTTPException as error:
        return Response(str(error.detail), error.status_code, error.headers)
    return None if by == title else Response(f"this token is not that of {title}", 403)


def event_json(message: PeerMessage) -> dict[str, Any]:
    """Return an event as it goes over the WebSocket."""
    return {
        "00000002": {"vr": "UI", "Value": [UPS_EVENT]},
        "00000110": {"vr": "US", "Value": [message.number % 0xFFFF or 1]},
        "00001000": {"vr": "UI", "Value": [message.sop_instance_uid]},
        "00001002": {"vr": "US", "Value": [message.event_type]},
        **message.attributes,
    }
