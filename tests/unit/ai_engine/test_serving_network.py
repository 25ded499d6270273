"""Networks by name: on OpenVINO, and over HTTP by TensorFlow Serving's published REST API.

No TensorFlow Serving is installed here: a small server that speaks its API stands in for it.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import openvino
import pytest
from openvino import opset13

from ai_engine.errors import BackendError
from ai_engine.inference.network import Network, Tensors
from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.inference.serving_network import ServingNetwork

PLACE = "/v1/models/pair"
INPUTS = {"image": [2, 3], "age": [1]}
OUTPUTS = ("sum", "twice")
CASES = 5

Values = dict[str, Any]


def expected(inputs: Tensors) -> dict[str, np.ndarray]:
    total = inputs["image"].sum(axis=(1, 2)) + inputs["age"][:, 0]
    return {"sum": total[:, None], "twice": 2 * inputs["image"]}


def some_inputs(cases: int = CASES) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {
        name: rng.standard_normal((cases, *shape)).astype(np.float32)
        for name, shape in INPUTS.items()
    }


class _Handler(BaseHTTPRequestHandler):
    server: "Server"

    def do_GET(self) -> None:
        names = {name: {"dtype": "DT_FLOAT"} for name in INPUTS}
        outputs = {name: {"dtype": "DT_FLOAT"} for name in self.server.outputs}
        definition = {"serving_default": {"inputs": names, "outputs": outputs}}
        self._answer(
            self.path == f"{PLACE}/metadata",
            {"metadata": {"signature_def": {"signature_def": definition}}},
        )

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        columns = {name: np.array(value, np.float32) for name, value in body["inputs"].items()}
        self.server.batches.append(len(columns["image"]))
        if self.server.failure:
            self._send(self.server.failure, b'{"error": "out of memory"}')
            return
        made = {
            name: value.tolist()
            for name, value in expected(columns).items()
            if name in self.server.outputs
        }
        answer = made if len(made) > 1 else next(iter(made.values()))
        self._answer(self.path == f"{PLACE}:predict", {"outputs": answer})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name upstream
        """Say nothing."""

    def _answer(self, known: bool, value: Values) -> None:
        missing = {"error": "Servable not found for request: Latest(other)"}
        self._send(200 if known else 404, json.dumps(value if known else missing).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """The API of a model with two inputs; notes how large the batches are that it gets."""

    def __init__(self, outputs: tuple[str, ...] = OUTPUTS) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.outputs = outputs
        self.batches: list[int] = []
        self.failure = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def serving(outputs: tuple[str, ...] = OUTPUTS) -> Iterator[Server]:
    with Server(outputs) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


def check(network: Network) -> None:
    inputs = some_inputs()
    made = network.run(inputs)
    assert set(network.inputs) == set(INPUTS)
    assert set(made) == set(network.outputs) == set(OUTPUTS)
    for name, value in expected(inputs).items():
        assert made[name] == pytest.approx(value, abs=1e-5)


def test_a_server_runs_several_inputs_to_named_outputs(server: Server) -> None:
    with ServingNetwork(server.url, "pair") as network:
        check(network)
    assert server.batches == [CASES]


def test_a_large_batch_goes_in_parts_and_comes_back_whole(server: Server) -> None:
    with ServingNetwork(server.url, "pair", max_batch=2) as network:
        check(network)
    assert server.batches == [2, 2, 1]


def test_threads_may_share_one_connection(server: Server) -> None:
    with ServingNetwork(server.url, "pair") as network:
        threads = [threading.Thread(target=check, args=(network,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert server.batches == [CASES] * 8


def test_a_single_output_is_not_named_in_the_answer() -> None:
    with serving(("sum",)) as server, ServingNetwork(server.url, "pair") as network:
        made = network.run(some_inputs())
    assert made["sum"] == pytest.approx(expected(some_inputs())["sum"], abs=1e-5)


def _other_model(server: Server) -> None:
    ServingNetwork(server.url, "other")


def _failing(server: Server) -> None:
    server.failure = 500
    with ServingNetwork(server.url, "pair") as network:
        network.run(some_inputs())


def _wrong_inputs(server: Server) -> None:
    with ServingNetwork(server.url, "pair") as network:
        network.run({"image": some_inputs()["image"]})


@pytest.mark.parametrize(
    ("attempt", "words"),
    [
        (_other_model, "404: Servable not found"),
        (_failing, "500: out of memory"),
        (_wrong_inputs, "takes image, age, not image"),
    ],
)
def test_what_goes_wrong_is_said(
    server: Server, attempt: Callable[[Server], None], words: str
) -> None:
    with pytest.raises(BackendError, match=words):
        attempt(server)


def test_a_server_that_is_away_is_named() -> None:
    with Server() as server:
        url = server.url
    with pytest.raises(BackendError, match="cannot be reached"):
        ServingNetwork(url, "pair", timeout=2)


@pytest.fixture
def openvino_network(tmp_path: Path) -> OpenVinoNetwork:
    image = opset13.parameter([-1, 2, 3], np.float32, name="image")
    age = opset13.parameter([-1, 1], np.float32, name="age")
    total = opset13.add(
        opset13.reduce_sum(image, np.array([1, 2]), keep_dims=False),
        opset13.squeeze(age, np.array([1])),
    )
    results = {
        "sum": opset13.unsqueeze(total, np.array(1)),
        "twice": opset13.multiply(image, np.float32(2)),
    }
    for name, node in results.items():
        node.output(0).get_tensor().set_names({name})
    for port, name in ((image, "image"), (age, "age")):
        port.output(0).get_tensor().set_names({name})
    path = tmp_path / "pair.xml"
    openvino.save_model(openvino.Model(list(results.values()), [image, age], "pair"), path)
    return OpenVinoNetwork(path, threads=1)


def test_openvino_runs_several_inputs_to_named_outputs(openvino_network: OpenVinoNetwork) -> None:
    check(openvino_network)
    with pytest.raises(BackendError, match="takes image, age, not age"):
        openvino_network.run({"age": some_inputs()["age"]})
