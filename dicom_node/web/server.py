"""Runs the HTTP application beside the DICOM side of the node."""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from email.utils import formatdate

import uvicorn
from starlette.types import ASGIApp

from dicom_node.errors import NodeError
from dicom_node.web.https import RenewedCertificate
from dicom_node.web.slow_headers import protocol_with_deadline

_TICK_SECONDS = 1.0


class WebServerError(NodeError):
    """The HTTP side could not start."""


def listening_socket(host: str, port: int) -> socket.socket:
    """Listen; what is accepted sends at once (TCP_NODELAY, which it inherits).

    asyncio sets that only on sockets that it has made itself. Without it an answer's body waits
    40 ms for the acknowledgement of its header.
    """
    listening = socket.create_server((host, port))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class _Server(uvicorn.Server):
    """Uvicorn, awake once a second for its Date header while somebody is connected, else not."""

    def __init__(self, config: uvicorn.Config, http: type[asyncio.Protocol]) -> None:
        super().__init__(config)
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        config.http = _announcing(http, self._is_connected)

    async def main_loop(self) -> None:
        """Serve until told to stop (uvicorn.Server)."""
        self._loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(
                    self._news.wait(), _TICK_SECONDS if self.server_state.connections else None
                )

    def stop(self) -> None:
        """Tell it to stop; called by another thread."""
        self.should_exit = True
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # it has ended
                loop.call_soon_threadsafe(self._news.set)

    def _is_connected(self) -> None:
        # At once: the first answer may be made before the loop above has its turn.
        date = formatdate(usegmt=True).encode()
        self.server_state.default_headers = [(b"date", date), *self.config.encoded_headers]
        self._news.set()


def _announcing(
    http: type[asyncio.Protocol], announce: Callable[[], None]
) -> type[asyncio.Protocol]:
    """Return a protocol that calls ``announce`` when somebody has connected."""

    class Announcing(http):  # type: ignore[misc, valid-type]
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            announce()
            super().connection_made(transport)

    return Announcing


class WebServer:
    """Uvicorn in a thread of its own; signals stay with the node."""

    def __init__(
        self,
        application: ASGIApp,
        *,
        host: str,
        port: int,
        certificate: RenewedCertificate | None = None,
        proxies: Sequence[str] = (),
        http: type[asyncio.Protocol] | None = None,
    ) -> None:
        """Serve ``application``.

        Parameters
        ----------
        host, port
            Where to listen.
        certificate
            Of HTTPS; without it the server speaks plain HTTP.
        proxies
            Addresses whose word on who asks, and how, is believed (X-Forwarded-For and -Proto).
        http
            What speaks HTTP; without it, uvicorn's protocol with a deadline for headers.
        """
        self._host = host
        self._port = port
        self._certificate = certificate
        self._server = _Server(
            uvicorn.Config(
                application,
                log_config=None,
                access_log=False,
                lifespan="off",
                proxy_headers=bool(proxies),
                forwarded_allow_ips=list(proxies),
                ssl_context_factory=None if certificate is None else lambda *_: certificate.context,
            ),
            http or protocol_with_deadline(),
        )
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; known once started."""
        return int(self._socket.getsockname()[1]) if self._socket else self._port

    @property
    def url(self) -> str:
        """Where it is reached from this machine."""
        return f"{'http' if self._certificate is None else 'https'}://{self._host}:{self.port}"

    def start(self) -> None:
        """Listen and serve.

        Raises
        ------
        WebServerError
            When the address cannot be listened on.
        """
        try:
            self._socket = listening_socket(self._host, self._port)
        except OSError as error:
            raise WebServerError(
                f"cannot listen on {self.url} ({error.strerror}): set web.port to a free port."
            ) from error
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="web", daemon=True
        )
        self._thread.start()

    def renew(self) -> None:
        """Take a certificate that has been renewed."""
        if self._certificate is not None:
            self._certificate.renew()

    def stop(self) -> None:
        """Answer what is being asked, then stop."""
        self._server.stop()
        if self._thread is not None:
            self._thread.join(timeout=5)
        if self._socket is not None:
            self._socket.close()
