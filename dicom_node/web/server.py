"""Runs the HTTP application beside the DICOM side of the node."""

import socket
import threading

import uvicorn
from fastapi import FastAPI

from dicom_node.errors import NodeError


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


class WebServer:
    """Uvicorn in a thread of its own; signals stay with the node."""

    def __init__(self, application: FastAPI, *, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._server = uvicorn.Server(
            uvicorn.Config(application, log_config=None, access_log=False, lifespan="off")
        )
        self._thread: threading.Thread | None = None
        self._socket: socket.socket | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; known once started."""
        return int(self._socket.getsockname()[1]) if self._socket else self._port

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
                f"cannot listen on http://{self._host}:{self._port} ({error.strerror}): "
                "set web.port to a free port."
            ) from error
        self._thread = threading.Thread(
            target=self._server.run, args=([self._socket],), name="web", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Answer what is being asked, then stop."""
        self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(timeout=5)
        if self._socket is not None:
            self._socket.close()
