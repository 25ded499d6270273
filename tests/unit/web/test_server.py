"""The HTTP side on a socket of its own."""

import socket
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.request import urlopen

import pytest
from fastapi import FastAPI

from dicom_node.web.server import WebServer, WebServerError, listening_socket
from dicom_node.web.slow_headers import protocol_with_deadline


def test_answers_are_sent_at_once() -> None:
    """Small answers must not wait for acknowledgements: what is accepted has no delay either."""
    with listening_socket("127.0.0.1", 0) as listening:
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_server_answers_until_it_is_stopped_and_says_when_its_port_is_taken() -> None:
    application = hello_application()
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


def test_an_answer_after_a_rest_has_the_date_of_the_answer() -> None:
    """At rest nobody winds the clock of the Date header (RFC 9110, section 6.6.1)."""
    server = WebServer(hello_application(), host="127.0.0.1", port=0)
    server.start()
    server._server.server_state.default_headers = [(b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")]
    with urlopen(f"http://127.0.0.1:{server.port}/hello", timeout=60) as answer:
        said = parsedate_to_datetime(answer.headers["Date"])
    assert datetime.now(UTC) - said < timedelta(minutes=5)
    server.stop()


def test_a_header_that_does_not_come_is_not_waited_for() -> None:
    server = WebServer(
        hello_application(), host="127.0.0.1", port=0, http=protocol_with_deadline(seconds=0.3)
    )
    server.start()
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as slow:
        slow.sendall(b"GET /hello HT")
        assert slow.recv(100).startswith(b"HTTP/1.1 408 ")
        assert slow.recv(100) == b""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as mute:
        assert mute.recv(100) == b"", "who has asked nothing gets no answer"
    # A header that came in time counts no more, however long the next one takes to begin.
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as quick:
        quick.sendall(b"GET /hello HTTP/1.1\r\nHost: here\r\n\r\n")
        assert quick.recv(4096).startswith(b"HTTP/1.1 200 ")
    server.stop()


def test_many_slow_senders_shut_nobody_out() -> None:
    server = WebServer(
        hello_application(), host="127.0.0.1", port=0, http=protocol_with_deadline(most=10)
    )
    server.start()
    with ExitStack() as stack:
        senders = []
        for _ in range(40):
            sender = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            senders.append(stack.enter_context(sender))
            sender.sendall(b"G")
        with urlopen(f"http://127.0.0.1:{server.port}/hello", timeout=60) as answer:
            assert answer.read() == b'"here"'
        # The oldest have given way, and not only the newest were refused.
        assert _has_ended(senders[0])
    server.stop()


def _has_ended(connection: socket.socket) -> bool:
    """Wait until the other side has closed a connection, whatever it said before."""
    with suppress(ConnectionResetError):  # what was sent came when it had closed already
        while connection.recv(100):
            pass
    return True


def hello_application() -> FastAPI:
    application = FastAPI()

    @application.get("/hello")
    def hello() -> str:
        return "here"

    return application
