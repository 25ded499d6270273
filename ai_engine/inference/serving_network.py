"""Any network behind TensorFlow Serving's REST API (paper 1 proposes it, section V).

The API is the published one: ``GET /v1/models/NAME/metadata`` names a signature's tensors, ``POST
/v1/models/NAME:predict`` runs it on columns of tensors. A server that is started with
``--enable_batching`` joins requests that arrive together; calls from several threads make use of
that. Here a large batch is sent in parts, so that no request outgrows the server's limit.
"""

from types import TracebackType
from typing import Any

import httpx
import numpy as np

from ai_engine.errors import BackendError
from ai_engine.inference.network import FloatArray, Tensors, require_inputs

SIGNATURE = "serving_default"
# Errors of JSON documents that aren't what the API publishes.
UNEXPECTED = (KeyError, TypeError, ValueError)


class ServingNetwork:
    """A model of a TensorFlow Serving server; its tensors are asked for once, at the start."""

    def __init__(
        self,
        url: str,
        model: str,
        *,
        version: int | None = None,
        max_batch: int = 32,
        timeout: float = 30.0,
    ) -> None:
        """Connect to a server.

        Parameters
        ----------
        url
            The server's REST address, such as ``http://127.0.0.1:8501``.
        model
            The model's name there.
        version
            One version; the server's newest unless given.
        max_batch
            Cases in one request: the server's ``max_batch_size``.
        timeout
            Seconds for one request.

        Raises
        ------
        BackendError
            If the server can't be reached or doesn't have the model.
        """
        place = f"/v1/models/{model}" + (f"/versions/{version}" if version is not None else "")
        self._place = place
        self._max_batch = max_batch
        self._client = httpx.Client(base_url=url, timeout=timeout)
        metadata = self._answer("GET", f"{place}/metadata")
        try:
            signatures = metadata["metadata"]["signature_def"]["signature_def"]
            signature = signatures[SIGNATURE]
            self._signatures = frozenset(signatures)
            self._inputs = tuple(signature["inputs"])
            self._outputs = tuple(signature["outputs"])
        except UNEXPECTED as error:
            raise BackendError(
                f"{url}{place}: its metadata has no signature {SIGNATURE!r}; export it with one"
            ) from error

    def __enter__(self) -> "ServingNetwork":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    @property
    def signatures(self) -> frozenset[str]:
        """The names of all signatures of the model."""
        return self._signatures

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, as the server's signature lists them."""
        return self._inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs, as the server's signature lists them."""
        return self._outputs

    def run(self, inputs: Tensors) -> Tensors:
        """Run a batch, in parts where it is larger than one request may be.

        Raises
        ------
        BackendError
            If the inputs aren't the network's, the server can't be reached, or it refuses.
        """
        require_inputs(inputs, self._inputs)
        cases = len(next(iter(inputs.values())))
        parts = [
            self._predict(
                {name: value[start : start + self._max_batch] for name, value in inputs.items()}
            )
            for start in range(0, cases, self._max_batch)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in self._outputs}

    def _predict(self, inputs: Tensors) -> Tensors:
        columns = {name: value.tolist() for name, value in inputs.items()}
        body = {"signature_name": SIGNATURE, "inputs": columns}
        answer = self._answer("POST", f"{self._place}:predict", body)
        try:
            outputs = answer["outputs"]
            # A signature with one output answers with its tensor alone.
            named = outputs if isinstance(outputs, dict) else {self._outputs[0]: outputs}
            made: dict[str, FloatArray] = {
                name: np.asarray(named[name], dtype=np.float32) for name in self._outputs
            }
        except UNEXPECTED as error:
            raise BackendError(
                f"{self._place}: the server's answer lacks outputs of its own signature"
            ) from error
        return made

    def _answer(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        address = f"{self._client.base_url}{path}"
        try:
            response = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise BackendError(
                f"{address} cannot be reached ({type(error).__name__}): is the server running?"
            ) from error
        if response.is_error:
            raise BackendError(f"{address} answered {response.status_code}: {_words(response)}")
        try:
            answer = response.json()
        except ValueError as error:
            raise BackendError(f"{address} answered without JSON: is it the REST port?") from error
        if not isinstance(answer, dict):
            raise BackendError(f"{address} did not answer with an object: is it the REST port?")
        return answer


def _words(response: httpx.Response) -> str:
    """What the server says of an error: TensorFlow Serving has it under ``error``."""
    try:
        answer = response.json()
    except ValueError:
        return "no reason given"
    return str(answer.get("error", "no reason given"))[:300] if isinstance(answer, dict) else ""
