"""Runs the HTTP application beside the DICOM side of the node."""

import socket
import threading

import uvicorn
from fastapi import FastAPI

from dicom_node.errors import NodeError


class WebServerError(NodeError):
    """The HTTP side could not start."""


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
            self._socket = socket.create_server((self._host, self._port))
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
