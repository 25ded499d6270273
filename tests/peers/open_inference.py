"""Servers of the Open Inference Protocol: MLServer, and one that says whatever a test wants."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from tests.peers.process import free_port, running

ROOT = Path(__file__).parents[2]
MLSERVER = ROOT / ".venv" / "peers" / "mlserver" / "bin" / "mlserver"
"""In an environment of its own: it wants other versions of libraries than the node."""

MODEL = "brightness"
RUNTIME = '''
import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse


class Brightness(MLModel):
    """How probably an image is bright, and where."""

    async def predict(self, payload):
        image = NumpyCodec.decode_input(payload.inputs[0])
        mean = np.array([[image.mean()]], np.float32)
        outputs = [
            NumpyCodec.encode_output("probabilities", mean),
            NumpyCodec.encode_output("heat", image[:, :, ::8, ::8].astype(np.float32)),
        ]
        return InferenceResponse(
            model_name=self.name, model_version=self.version, outputs=outputs
        )
'''


def require_mlserver() -> None:
    """Skip without MLServer: not every package index has it."""
    if not MLSERVER.exists():
        pytest.skip("MLServer is not at hand: .ci/run brings it where it can be had")


@contextmanager
def mlserver(folder: Path) -> Iterator[str]:
    """Run MLServer with one model that says how bright an image is; yield its endpoint."""
    require_mlserver()
    ports = [free_port() for _ in range(3)]
    settings = {
        "host": "127.0.0.1",
        "http_port": ports[0],
        "grpc_port": ports[1],
        "metrics_port": ports[2],
        "parallel_workers": 0,
        "use_structured_logging": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {
        "name": MODEL,
        "implementation": "brightness.Brightness",
        "parameters": {"version": "v7"},
        "inputs": [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 64, 64]}],
        "outputs": [
            {"name": "probabilities", "datatype": "FP32", "shape": [-1, 1]},
            {"name": "heat", "datatype": "FP32", "shape": [-1, 1, 8, 8]},
        ],
    }
    (folder / "model-settings.json").write_text(json.dumps(model))
    (folder / "brightness.py").write_text(RUNTIME)
    endpoint = f"http://127.0.0.1:{ports[0]}"

    def is_ready() -> bool:
        try:
            answer = httpx.get(f"{endpoint}/v2/models/{MODEL}/ready", timeout=1, trust_env=False)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    with running(
        [MLSERVER, "start", "."],
        log=folder / "mlserver.log",
        ready=is_ready,
        folder=folder,
        patience=120.0,
    ):
        yield endpoint


@dataclass(slots=True, kw_only=True)
class Said:
    """What the server below says to one request."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: tuple[bytes, ...] = ()
    between: Callable[[], None] = lambda: None


@dataclass(slots=True, kw_only=True)
class Asked:
    """One request that it got."""

    method: str
    path: str
    authorization: str
    document: dict[str, Any]
    binary: bytes


class SayingServer:
    """Speaks the protocol as the text has it, until a test tells it to say something else."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.extensions: list[str] = ["binary_tensor_data"]
        self.outputs: dict[str, np.ndarray[Any, Any]] = {}
        self.version = "3"
        self.instead: dict[str, Said] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )

    @property
    def endpoint(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "SayingServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def images(self) -> list[Asked]:
        """The requests that came with an image."""
        return [each for each in self.asked if each.path.endswith("/infer")]

    def _say(self, asked: Asked) -> Said:
        last = asked.path.rsplit("/", 1)[1]
        if last in self.instead:
            return self.instead[last]
        if last == "v2":
            return Said(body=json.dumps({"name": "says", "extensions": self.extensions}).encode())
        if last == "infer":
            return self._answered(asked)
        if last == "ready":
            return Said()
        outputs = [
            {"name": name, "datatype": "FP32", "shape": list(value.shape)}
            for name, value in self.outputs.items()
        ]
        inputs = [{"name": "image", "datatype": "FP32", "shape": [-1, 1, 64, 64]}]
        return Said(body=json.dumps({"inputs": inputs, "outputs": outputs}).encode())

    def _answered(self, asked: Asked) -> Said:
        listed, data = [], b""
        is_binary = any(
            (each.get("parameters") or {}).get("binary_data")
            for each in asked.document.get("outputs", [])
        )
        for name, value in self.outputs.items():
            tensor = {"name": name, "datatype": "FP32", "shape": list(value.shape)}
            if is_binary:
                made = value.astype("<f4").tobytes()
                tensor["parameters"] = {"binary_data_size": len(made)}
                data += made
            else:
                tensor["data"] = value.ravel().tolist()
            listed.append(tensor)
        document = {"model_name": "m", "model_version": self.version, "outputs": listed}
        head = json.dumps(document).encode()
        headers = {"Inference-Header-Content-Length": str(len(head))} if is_binary else {}
        return Said(body=head + data, headers=headers)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._do(b"")

            def do_POST(self) -> None:
                self._do(self.rfile.read(int(self.headers["Content-Length"])))

            def _do(self, body: bytes) -> None:
                length = int(self.headers.get("Inference-Header-Content-Length") or len(body))
                asked = Asked(
                    method=self.command,
                    path=self.path,
                    authorization=self.headers.get("Authorization", ""),
                    document=json.loads(body[:length]) if body else {},
                    binary=body[length:],
                )
                server.asked.append(asked)
                said = server._say(asked)
                self.send_response(said.status)
                for name, value in said.headers.items():
                    self.send_header(name, value)
                if said.pieces:
                    self.send_header("Connection", "close")
                    self.end_headers()
                    for piece in said.pieces:
                        self.wfile.write(piece)
                        self.wfile.flush()
                        said.between()
                    self.close_connection = True
                    return
                self.send_header("Content-Length", str(len(said.body)))
                self.end_headers()
                self.wfile.write(said.body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        return Handler
