"""A stand-in for TensorFlow Serving, which is not installed here.

It loads saved models from the folder layout that TensorFlow Serving watches, answers its REST API
with what TensorFlow itself reads from them, and joins requests as ``--enable_batching`` does.
"""

import json
import queue
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

SIGNATURE = "serving_default"
Tensors = dict[str, np.ndarray]


@dataclass(slots=True)
class ServedVersion:
    """One version of a model: its signatures as the API tells them, and batches of requests."""

    folder: Path
    patience: float
    largest: int
    batches: list[int] = field(default_factory=list)
    waiting: "queue.Queue[tuple[Tensors, Future[Tensors]] | None]" = field(
        default_factory=queue.Queue
    )

    def signatures(self) -> dict[str, Any]:
        """Every signature of the file, in the words of the API."""
        read = SavedModel.FromString((self.folder / "saved_model.pb").read_bytes())
        found = read.meta_graphs[0].signature_def
        return {
            name: MessageToDict(found[name], preserving_proto_field_name=True) for name in found
        }

    def run(self) -> None:
        """Run what comes in, together where it comes together, until None comes."""
        loaded = tf.saved_model.load(str(self.folder))
        function = loaded.signatures[SIGNATURE]
        while (first := self.waiting.get()) is not None:
            joined = [first, *self._others(len(first[0]["image"]))]
            together = {"image": np.concatenate([inputs["image"] for inputs, _ in joined])}
            self.batches.append(len(together["image"]))
            made = {
                name: value.numpy()
                for name, value in function(image=tf.constant(together["image"])).items()
            }
            at = 0
            for inputs, answer in joined:
                cases = len(inputs["image"])
                answer.set_result({name: each[at : at + cases] for name, each in made.items()})
                at += cases

    def _others(self, cases: int) -> list[tuple[Tensors, "Future[Tensors]"]]:
        found: list[tuple[Tensors, Future[Tensors]]] = []
        until = time.monotonic() + self.patience
        while cases < self.largest and (left := until - time.monotonic()) > 0:
            try:
                another = self.waiting.get(timeout=left)
            except queue.Empty:
                break
            if another is None:
                self.waiting.put(None)
                break
            found.append(another)
            cases += len(another[0]["image"])
        return found


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, versions: dict[str, ServedVersion], *arguments: Any) -> None:
        self._versions = versions
        super().__init__(*arguments)

    def do_GET(self) -> None:
        served = self._served(self.path.removesuffix("/metadata"))
        if served is not None:
            signatures = {"signature_def": served.signatures()}
            self._send(200, {"model_spec": {}, "metadata": {"signature_def": signatures}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        served = self._served(self.path.removesuffix(":predict"))
        if served is not None:
            answer: Future[Tensors] = Future()
            inputs = {name: np.array(each, np.float32) for name, each in body["inputs"].items()}
            served.waiting.put((inputs, answer))
            made = answer.result(timeout=60)
            self._send(200, {"outputs": {name: each.tolist() for name, each in made.items()}})

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name upstream
        """Say nothing."""

    def _served(self, place: str) -> ServedVersion | None:
        served = self._versions.get(place.removeprefix("/v1/models/"))
        if served is None:
            self._send(404, {"error": f"Servable not found for request: Specific({place})"})
        return served

    def _send(self, status: int, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def tensorflow_serving(
    folder: Path, *, patience: float = 0.2, largest: int = 32
) -> Iterator[tuple[str, dict[str, ServedVersion]]]:
    """Serve every ``folder/<model>/<number>``; yield the address, and the versions by place."""
    versions = {
        f"{path.parent.name}/versions/{path.name}": ServedVersion(path, patience, largest)
        for path in folder.glob("*/*")
    }
    workers = [threading.Thread(target=each.run) for each in versions.values()]
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, versions)) as server:
        workers.append(threading.Thread(target=server.serve_forever))
        for worker in workers:
            worker.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", versions
        finally:
            server.shutdown()
            for each in versions.values():
                each.waiting.put(None)
            for worker in workers:
                worker.join()
