"""The HTTP side on a socket of its own."""

import socket
from urllib.request import urlopen

import pytest
from fastapi import FastAPI

from dicom_node.web.server import WebServer, WebServerError, listening_socket


def test_answers_are_sent_at_once() -> None:
    """Small answers must not wait for acknowledgements: what is accepted has no delay either."""
    with listening_socket("127.0.0.1", 0) as listening:
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_server_answers_until_it_is_stopped_and_says_when_its_port_is_taken() -> None:
    application = FastAPI()

    @application.get("/hello")
    def hello() -> str:
        return "here"

    server = WebServer(application, host="127.0.0.1", port=0)
    server.start()
    port = server.port
    with urlopen(f"http://127.0.0.1:{port}/hello", timeout=60) as answer:
        assert answer.read() == b'"here"'
    second = WebServer(application, host="127.0.0.1", port=port)
    with pytest.raises(WebServerError, match=r"set web.port to a free port"):
        second.start()
    server.stop()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)
