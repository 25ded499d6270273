"""Other DICOMweb servers (PS3.18): asked, and given objects, with all that they may answer."""

import json
import secrets
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dicom_node.dicomweb.media_types import DICOM, DICOM_JSON
from dicom_node.errors import NodeError

_PIECE = 2**18
_LARGEST_ANSWER = 16 * 2**20
_LARGEST_OBJECT = 2 * 2**30
_PREAMBLE = 128
# In whatever transfer syntax it is kept, so that nothing is decoded on the way.
_INSTANCES = f'multipart/related; type="{DICOM}"; transfer-syntax=*'
_ACCEPT = MappingProxyType({"Accept": DICOM_JSON})
_NOT_LET_IN = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_ANSWERED_STORE = frozenset({HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.CONFLICT})
_STORED, _FAILED, _OTHERS = "00081199", "00081198", "0008119A"
_INSTANCE, _REASON, _WARNING = "00081155", "00081197", "00081196"
Dataset = Mapping[str, Any]


class WebPeerError(NodeError):
    """A DICOMweb server did not do what it was asked; ``is_lost``: it did not even answer."""

    def __init__(self, words: str, *, is_lost: bool = False, status: int | None = None) -> None:
        super().__init__(words)
        self.is_lost = is_lost
        self.http_status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class WebPeer:
    """How a server is reached: its root, and the Authorization header that opens it, if any."""

    title: str
    url: str
    authorization: str = ""
    trust: ssl.SSLContext | bool = True

    def __repr__(self) -> str:
        """Name it without what opens it."""
        return f"WebPeer({self.title}, {self.url})"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebTimeouts:
    """How long to wait, in seconds: for the connection, a word of the answer, all of an answer."""

    connection: float = 10.0
    response: float = 60.0
    whole: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAnswer:
    """What a server says of a store: the instances that it has, and the reasons of the others.

    ``warned`` are the reasons for warnings of what it has: that is not as it was sent.
    """

    stored: frozenset[str]
    failed: Mapping[str, int]
    warned: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class WebProfile:
    """What a server was found to offer."""

    software: str
    searches: str
    stores: str
    seconds: float


class WebConnection:
    """Requests to one server, one after another over one connection."""

    def __init__(self, peer: WebPeer, timeouts: WebTimeouts) -> None:
        import httpx  # noqa: PLC0415 - a node that calls no server starts without it

        self._failure = httpx.HTTPError
        self._peer = peer
        self._whole = timeouts.whole
        self._client = httpx.Client(
            # Where nothing is verified, no authorities are read: 50 ms of processor each time.
            verify=peer.trust if peer.url.startswith("https") else False,
            timeout=httpx.Timeout(timeouts.response, connect=timeouts.connection),
            headers={"Authorization": peer.authorization} if peer.authorization else {},
            follow_redirects=False,  # a credential goes nowhere else
            trust_env=False,
        )

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def search(self, path: str, query: Mapping[str, str | list[str]]) -> list[Dataset]:
        """Search (QIDO-RS, PS3.18 Section 10.6); return the matches in the DICOM JSON Model.

        Raises
        ------
        WebPeerError
            There is no answer, or none that can be understood.
        """
        status, body = self._asked("GET", path, params=dict(query), headers=dict(_ACCEPT))
        if status == HTTPStatus.NO_CONTENT or (not body and status == HTTPStatus.OK):
            return []
        if status != HTTPStatus.OK:
            raise self._refused(status)
        found = self._json(body)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise WebPeerError(f"{self._peer.title} answered a search with something else")
        return found

    def retrieve(self, path: str) -> bytes:
        """Return one instance as the server has it (WADO-RS, PS3.18 Section 10.4): a Part 10 file.

        Raises
        ------
        WebPeerError
            There is no answer, or none that holds an instance.
        """
        status, body = self._asked(
            "GET", path, largest=_LARGEST_OBJECT, headers={"Accept": _INSTANCES}
        )
        if status != HTTPStatus.OK:
            raise self._refused(status)
        if body[_PREAMBLE : _PREAMBLE + 4] == b"DICM":  # not in parts, as some servers answer
            return body
        return self._only_part(body)

    def _only_part(self, body: bytes) -> bytes:
        """Return the content of the first part of a multipart body (RFC 2046 Section 5.1)."""
        delimiter, _, rest = body.lstrip(b"\r\n").partition(b"\r\n")
        _, separator, content = rest.partition(b"\r\n\r\n")
        part, end, _ = content.partition(b"\r\n" + delimiter)
        if not (delimiter.startswith(b"--") and separator and end):
            raise WebPeerError(f"{self._peer.title} answered with something that is no instance")
        return part

    def store(self, paths: Sequence[Path]) -> StoreAnswer:
        """Store objects, streamed from their files (STOW-RS, PS3.18 Section 10.5).

        Raises
        ------
        WebPeerError
            There is no answer, or none that says which objects were stored.
        OSError
            A file cannot be read.
        """
        boundary = secrets.token_hex(16)
        length = sum(len(piece) for piece in _heads(paths, boundary))
        length += sum(path.stat().st_size for path in paths)
        headers = {
            **_ACCEPT,
            "Content-Type": f'multipart/related; type="{DICOM}"; boundary={boundary}',
            "Content-Length": str(length),
        }
        status, body = self._asked(
            "POST", "/studies", headers=headers, content=_pieces(paths, boundary)
        )
        if status not in _ANSWERED_STORE:
            raise self._refused(status)
        return self._store_answer(status, body)

    def offers_storing(self) -> str:
        """Say whether the server offers STOW-RS: it is sent a body without any object."""
        headers = {**_ACCEPT, "Content-Type": f'multipart/related; type="{DICOM}"; boundary=none'}
        status, _ = self._asked("POST", "/studies", headers=headers, content=b"--none--\r\n")
        if status in _NOT_LET_IN:
            return f"not to us ({status})"
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
            return f"no ({status})"
        return "yes"

    def profile(self) -> WebProfile:
        """Find out what the server offers; nothing is stored.

        Raises
        ------
        WebPeerError
            It does not answer.
        """
        begun = time.monotonic()
        try:
            self.search("/studies", {"limit": "1"})
            searches = "yes"
        except WebPeerError as error:
            if error.is_lost:
                raise
            searches = f"no: {error}"
        seconds = time.monotonic() - begun
        return WebProfile(
            software=self._software,
            searches=searches,
            stores=self.offers_storing(),
            seconds=seconds,
        )

    def _asked(
        self, method: str, path: str, *, largest: int = _LARGEST_ANSWER, **how: Any
    ) -> tuple[int, bytes]:
        """Ask, and return status and body, of which no more is read than makes sense."""
        until = time.monotonic() + self._whole
        try:
            with self._client.stream(method, self._peer.url.rstrip("/") + path, **how) as answer:
                self._software = answer.headers.get("Server", "")
                body = bytearray()
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > largest or time.monotonic() > until:
                        raise WebPeerError(f"{self._peer.title} does not come to an end")
                return answer.status_code, bytes(body)
        except self._failure as error:
            why = str(error) or type(error).__name__
            raise WebPeerError(f"{self._peer.title}: {why}", is_lost=True) from error

    def _refused(self, status: int) -> WebPeerError:
        why = {
            401: "the credential is missing or wrong",
            403: "the credential does not allow it",
            404: "the address is wrong",
            413: "it is too large",
        }.get(status, "it leads elsewhere" if 300 <= status < 400 else "")
        words = f"{self._peer.title} answered HTTP {status}" + (f": {why}" if why else "")
        return WebPeerError(words, status=status)

    def _json(self, body: bytes) -> Any:
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            words = f"{self._peer.title} answered with something that is no DICOM JSON"
            raise WebPeerError(words) from error

    def _store_answer(self, status: int, body: bytes) -> StoreAnswer:
        said = self._json(body)
        if isinstance(said, list) and len(said) == 1:  # as some servers wrap it
            said = said[0]
        if not isinstance(said, dict) or not {_STORED, _FAILED, _OTHERS} & said.keys():
            words = f"{self._peer.title} answered HTTP {status} and does not say what it stored"
            raise WebPeerError(words)
        return StoreAnswer(
            stored=frozenset(str(_value(each, _INSTANCE)) for each in _items(said, _STORED)),
            failed={
                str(_value(each, _INSTANCE)): _number(_value(each, _REASON))
                for each in _items(said, _FAILED)
            },
            warned={
                str(_value(each, _INSTANCE)): _number(_value(each, _WARNING))
                for each in _items(said, _STORED)
                if _value(each, _WARNING)
            },
        )

    _software = ""


@contextmanager
def connected(peer: WebPeer, timeouts: WebTimeouts) -> Iterator[WebConnection]:
    """Open a connection, which closes in the end."""
    connection = WebConnection(peer, timeouts)
    try:
        yield connection
    finally:
        connection.close()


def _heads(paths: Sequence[Path], boundary: str) -> Iterator[bytes]:
    """Yield what stands before each object, and what stands at the end."""
    first = True
    for _ in paths:
        lead = "" if first else "\r\n"
        yield f"{lead}--{boundary}\r\nContent-Type: {DICOM}\r\n\r\n".encode()
        first = False
    yield f"\r\n--{boundary}--\r\n".encode()


def _pieces(paths: Sequence[Path], boundary: str) -> Iterator[bytes]:
    """Yield the whole body in pieces that are worth a packet: small objects go together."""
    gathered = bytearray()
    for piece in _bits(paths, boundary):
        gathered += piece
        if len(gathered) >= _PIECE:
            yield bytes(gathered)
            gathered.clear()
    yield bytes(gathered)


def _bits(paths: Sequence[Path], boundary: str) -> Iterator[bytes]:
    heads = _heads(paths, boundary)
    for path in paths:
        yield next(heads)
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece
    yield next(heads)


def _items(said: Dataset, tag: str) -> list[Dataset]:
    element = said.get(tag)
    items = element.get("Value") if isinstance(element, dict) else None
    return [each for each in items if isinstance(each, dict)] if isinstance(items, list) else []


def _value(item: Dataset, tag: str) -> Any:
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values else ""


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
