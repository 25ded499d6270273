"""A model behind the Open Inference Protocol, version 2, over HTTP: one image, one answer.

The protocol is the published one (KServe's "V2 Inference Protocol", with the binary tensor data
extension), as Triton, OpenVINO Model Server, TorchServe and MLServer speak it:

    GET  v2                                    what the server is, and its extensions
    GET  v2/models/M[/versions/V]/ready        whether it would answer
    GET  v2/models/M[/versions/V]              the tensors
    POST v2/models/M[/versions/V]/infer        tensors in, tensors out

What a server says is not trusted: its answer is bounded in size and time, and its tensors are
counted before they are used.
"""

import json
import math
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx
import numpy as np
import numpy.typing as npt

from ai_engine.errors import BackendError, ServiceAwayError
from ai_engine.library.service import Service

LARGEST_ANSWER = 256 * 1024**2
"""Bytes; heat maps of 20 labels at 1024 x 1024 as JSON have less."""

LOOK_SECONDS = 5.0
"""What a question without an image may take."""

BINARY = "binary_tensor_data"
"""How a server's metadata names the extension."""

_HEADER = "inference-header-content-length"
_AWAY = frozenset({401, 403, 408, 425, 429, 502, 503, 504})
_DTYPES: Mapping[str, str] = {
    "FP32": "<f4", "FP64": "<f8", "FP16": "<f2", "UINT8": "|u1", "UINT16": "<u2", "UINT32": "<u4",
    "UINT64": "<u8", "INT8": "|i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
}  # fmt: skip
_UNEXPECTED = (KeyError, TypeError, ValueError, OverflowError)

Values = npt.NDArray[np.generic]
FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Answer:
    """Tensors by name, float32, and the version that says it made them; empty where none does."""

    tensors: Mapping[str, FloatArray]
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a server has answered: a status, headers and a body of bounded size."""

    status: int
    headers: httpx.Headers
    body: bytes = field(repr=False)


class OpenInferenceClient:
    """Asks one model of one server. Safe to call from several threads."""

    def __init__(self, service: Service, *, authorization: str = "") -> None:
        """Ask nothing yet.

        Parameters
        ----------
        service
            Where, what, and how long.
        authorization
            The value of the header Authorization; none if empty. It is never logged.
        """
        self._service = service
        version = f"/versions/{quote(service.version, safe='')}" if service.version else ""
        self._place = f"/v2/models/{quote(service.model, safe='')}{version}"
        self._own_headers = {"Authorization": authorization} if authorization else {}
        # Of the system: a hospital's own authority is trusted where the system trusts it.
        self._trusted = ssl.create_default_context()
        self._extensions: frozenset[str] | None = None

    @property
    def service(self) -> Service:
        """Where, what, and how long."""
        return self._service

    def require_ready(self, *, input_name: str, outputs: Sequence[str]) -> None:
        """Make sure that the model would answer, and has the tensors that its card names.

        Raises
        ------
        ServiceAwayError
            If the server or the model isn't ready.
        BackendError
            If it is, and lacks a tensor.
        """
        self._require_model_ready()
        told = self._ask("GET", self._place, seconds=LOOK_SECONDS)
        if told.status != 200:
            raise BackendError(f"{self._words}: its metadata was answered with {_status(told)}")
        document = self._document(told)
        for kind, names in (("inputs", (input_name,)), ("outputs", outputs)):
            known = _names(document.get(kind))
            # The protocol lets a server know no metadata of a model; then the first image tells.
            if known and (missing := [name for name in names if name not in known]):
                raise BackendError(
                    f"{self._words}: has no {kind[:-1]} {', '.join(missing)}; it has "
                    f"{', '.join(known)}: correct the card's tensors"
                )

    def infer(self, name: str, values: Values, datatype: str, outputs: Sequence[str]) -> Answer:
        """Ask for outputs of one input.

        Parameters
        ----------
        name, values, datatype
            The input: its name, its values in its shape, and the protocol's word for their type.
        outputs
            The names of the outputs that are wanted.

        Raises
        ------
        ServiceAwayError
            If the server can't be reached, is too slow, or hasn't the model ready.
        BackendError
            If it refuses the image, or its answer isn't one.
        """
        is_binary = BINARY in self._known_extensions()
        content, headers = _request(name, values, datatype, outputs, is_binary=is_binary)
        told = self._ask(
            "POST",
            f"{self._place}/infer",
            seconds=self._service.timeout,
            content=content,
            headers=headers,
        )
        if told.status != 200:
            # Whoever would answer the next image is not away: then it is about this one.
            self._require_model_ready()
            raise BackendError(f"{self._words}: refused the image with {_status(told)}")
        return self._answer(told, outputs)

    def _known_extensions(self) -> frozenset[str]:
        if self._extensions is None:
            told = self._ask("GET", "/v2", seconds=LOOK_SECONDS)
            found = self._document(told).get("extensions") if told.status == 200 else None
            self._extensions = frozenset(map(str, found if isinstance(found, list) else ()))
        return self._extensions

    def _require_model_ready(self) -> None:
        told = self._ask("GET", f"{self._place}/ready", seconds=LOOK_SECONDS)
        if told.status != 200:
            raise ServiceAwayError(f"{self._words}: the model is not ready ({_status(told)})")

    def _answer(self, told: _Told, outputs: Sequence[str]) -> Answer:
        document, binary = self._parts(told)
        try:
            version = str(document.get("model_version") or "")
            tensors = _tensors(document["outputs"], binary)
        except _UNEXPECTED as error:
            raise BackendError(f"{self._words}: its answer has no tensors ({error})") from error
        if self._service.version and version not in ("", self._service.version):
            raise BackendError(f"{self._words}: version {version[:64]!r} has answered instead")
        if missing := [name for name in outputs if name not in tensors]:
            raise BackendError(
                f"{self._words}: its answer has no output {', '.join(missing)}; it has "
                f"{', '.join(tensors) or 'none'}"
            )
        return Answer(tensors=tensors, version=version[:64])

    def _parts(self, told: _Told) -> tuple[dict[str, Any], bytes]:
        """The document of an answer, and what follows it by the binary extension."""
        length = told.headers.get(_HEADER, "")
        if not length:
            return self._document(told), b""
        if not length.isdecimal() or int(length) > len(told.body):
            raise BackendError(f"{self._words}: says a header length that its answer hasn't")
        size = int(length)
        head = _Told(status=told.status, headers=told.headers, body=told.body[:size])
        return self._document(head), told.body[size:]

    def _document(self, told: _Told) -> dict[str, Any]:
        try:
            document = json.loads(told.body)
        except (ValueError, RecursionError) as error:
            raise BackendError(
                f"{self._words}: answered without JSON: does it speak the protocol's version 2?"
            ) from error
        if not isinstance(document, dict):
            raise BackendError(f"{self._words}: did not answer with an object")
        return document

    def _ask(
        self,
        method: str,
        path: str,
        *,
        seconds: float,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> _Told:
        """Ask once; a server that sends drop by drop is cut off at the end of its time."""
        ends = time.monotonic() + seconds
        body = bytearray()
        try:
            with (
                self._connected() as client,
                client.stream(
                    method,
                    path,
                    content=content or None,
                    headers=headers,
                    timeout=httpx.Timeout(seconds, connect=min(seconds, LOOK_SECONDS)),
                ) as response,
            ):
                for part in response.iter_bytes():
                    body += part
                    if len(body) > LARGEST_ANSWER:
                        raise BackendError(
                            f"{self._words}: answers with more than {LARGEST_ANSWER} bytes"
                        )
                    if time.monotonic() > ends:
                        raise ServiceAwayError(f"{self._words}: took longer than {seconds:g} s")
        except httpx.TimeoutException as error:
            raise ServiceAwayError(f"{self._words}: took longer than {seconds:g} s") from error
        except httpx.DecodingError as error:
            raise BackendError(f"{self._words}: its answer can't be decompressed") from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise ServiceAwayError(
                f"{self._words}: cannot be reached ({type(error).__name__})"
            ) from error
        told = _Told(status=response.status_code, headers=response.headers, body=bytes(body))
        if told.status in _AWAY:
            raise ServiceAwayError(f"{self._words}: {_status(told)}")
        return told

    def _connected(self) -> httpx.Client:
        """A client for one question: what is kept open too long ends in the midst of the next."""
        return httpx.Client(
            base_url=self._service.endpoint,
            headers=self._own_headers,
            verify=self._trusted,
            trust_env=False,  # neither a proxy nor a password that the environment happens to have
            follow_redirects=False,
        )

    @property
    def _words(self) -> str:
        return f"service {self._service.words}"


def _request(
    name: str, values: Values, datatype: str, outputs: Sequence[str], *, is_binary: bool
) -> tuple[bytes, dict[str, str]]:
    """A request's body and headers, with the values behind the document where that is known."""
    little = np.ascontiguousarray(values, dtype=_DTYPES[datatype])
    tensor: dict[str, Any] = {"name": name, "shape": list(values.shape), "datatype": datatype}
    wanted: list[dict[str, Any]] = [{"name": each} for each in outputs]
    if not is_binary:
        tensor["data"] = little.ravel().tolist()
        document = json.dumps({"inputs": [tensor], "outputs": wanted}).encode()
        return document, {"Content-Type": "application/json"}
    data = little.tobytes()
    tensor["parameters"] = {"binary_data_size": len(data)}
    for each in wanted:
        each["parameters"] = {"binary_data": True}
    document = json.dumps({"inputs": [tensor], "outputs": wanted}).encode()
    headers = {"Content-Type": "application/octet-stream", _HEADER: str(len(document))}
    return document + data, headers


def _tensors(listed: Any, binary: bytes) -> dict[str, FloatArray]:
    """Every tensor of an answer; those in binary follow each other in the document's order."""
    found: dict[str, FloatArray] = {}
    start = 0
    for each in listed:
        name, datatype = str(each["name"]), str(each["datatype"])
        shape = [int(side) for side in each["shape"]]
        size = (each.get("parameters") or {}).get("binary_data_size")
        if datatype not in _DTYPES:
            raise ValueError(f"{name}: type {datatype[:16]} is no number")
        if any(side < 0 for side in shape):
            raise ValueError(f"{name}: shape {shape} is none")
        dtype = np.dtype(_DTYPES[datatype])
        count = math.prod(shape)
        if size is None:
            values = np.asarray(each["data"], dtype=np.float64).ravel()
        else:
            if size != count * dtype.itemsize or start + size > len(binary):
                raise ValueError(f"{name}: {size} bytes are not those of shape {shape}")
            values = np.frombuffer(binary, dtype, count, start)
            start += size
        if values.size != count:
            raise ValueError(f"{name}: {values.size} values are not those of shape {shape}")
        found[name] = values.reshape(shape).astype(np.float32)
    return found


def _names(listed: Any) -> tuple[str, ...]:
    if not isinstance(listed, list):
        return ()
    return tuple(str(each.get("name", "")) for each in listed if isinstance(each, dict))


def _status(told: _Told) -> str:
    """A status, and the server's word for it: the protocol has it under ``error``."""
    try:
        document = json.loads(told.body)
    except (ValueError, RecursionError):
        return f"status {told.status}"
    words = document.get("error") if isinstance(document, dict) else None
    return (
        f"status {told.status}: {words[:200]}"
        if isinstance(words, str)
        else (f"status {told.status}")
    )
