"""A request that is too large, or does not come, takes neither memory nor a place for long."""

import socket
from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request

from dicom_node.web.request_limits import RequestLimits
from dicom_node.web.server import WebServer

LIMIT = 1000


@pytest.fixture
def port() -> Iterator[int]:
    """An application that gives back what it is sent."""
    application = FastAPI()

    @application.post("/echo")
    async def echo(request: Request) -> str:
        return (await request.body()).decode()

    application.add_middleware(RequestLimits, max_bytes=LIMIT, seconds=1.0)
    server = WebServer(application, host="127.0.0.1", port=0)
    server.start()
    yield server.port
    server.stop()


def answer(port: int, *parts: bytes) -> bytes:
    """Send the parts of a request, and return all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for part in parts:
            connection.sendall(part)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


def head(*lines: str) -> bytes:
    return "\r\n".join(
        ("POST /echo HTTP/1.1", "Host: node", "Connection: close", *lines, "", "")
    ).encode()


def test_a_body_within_the_limit_is_served(port: int) -> None:
    got = answer(port, head(f"Content-Length: {LIMIT}"), b"a" * LIMIT)
    assert got.startswith(b"HTTP/1.1 200")
    assert got.endswith(b'"' + b"a" * LIMIT + b'"')


@pytest.mark.parametrize("stated", [str(LIMIT + 1), "9" * 5000])
def test_one_that_states_more_is_refused_before_it_comes(port: int, stated: str) -> None:
    got = answer(port, head(f"Content-Length: {stated}"))
    assert got.startswith((b"HTTP/1.1 413", b"HTTP/1.1 400"))


def test_one_that_states_nothing_is_refused_when_it_is_too_much(port: int) -> None:
    chunk = b"200\r\n" + b"a" * 0x200 + b"\r\n"
    got = answer(port, head("Transfer-Encoding: chunked"), chunk * 2)
    assert got.startswith(b"HTTP/1.1 413")
    assert f"at most {LIMIT} bytes".encode() in got


def test_one_that_does_not_come_is_not_waited_for(port: int) -> None:
    got = answer(port, head("Content-Length: 10"), b"only")
    assert got.startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("application/x-www-form-urlencoded", (b"name=a%00b",)),
        ("application/x-www-form-urlencoded; charset=utf-8", (b"name=a%0", b"0b")),
        ("application/json", (b'{"name": "a\\u00', b'00"}')),
        ("application/json", (b'"a\0b"',)),
    ],
)
def test_a_text_with_nul_is_refused_before_a_database_fails_on_it(
    port: int, kind: str, parts: tuple[bytes, ...]
) -> None:
    length = sum(map(len, parts))
    got = answer(port, head(f"Content-Type: {kind}", f"Content-Length: {length}"), *parts)
    assert got.startswith(b"HTTP/1.1 400")


def test_other_bytes_may_have_nul(port: int) -> None:
    kind = "Content-Type: application/octet-stream"
    assert answer(port, head(kind, "Content-Length: 3"), b"a\0b").startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("where", ["/echo%00", "/echo?name=%00"])
def test_an_address_with_nul_is_refused(port: int, where: str) -> None:
    request = head("Content-Length: 0").replace(b"/echo", where.encode(), 1)
    assert answer(port, request).startswith(b"HTTP/1.1 400")
