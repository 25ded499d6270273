"""Who answers for a network of somebody else: a service, or OpenVINO in this process."""

import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ai_engine.errors import BackendError, ServiceAwayError
from ai_engine.inference.network import Network
from ai_engine.inference.open_inference import Answer, OpenInferenceClient
from ai_engine.library.tensors import Tensors

PAUSE = 5.0
"""Seconds for which a service that is away isn't asked again: its studies would queue up there."""


class Asked(Protocol):
    """Answers for one image. Safe to call from several threads."""

    def answer(self, values: npt.NDArray[np.generic]) -> Answer:
        """Outputs of one input.

        Raises
        ------
        BackendError
            If there is no answer to be had.
        """
        ...

    def told_by(self, answer: Answer) -> str:
        """Who made an answer, as a parameter of the algorithm; empty for a model of this node."""
        ...


class AskedService:
    """A service, which is never asked about more images at once than its card allows."""

    def __init__(self, client: OpenInferenceClient, tensors: Tensors, turns: "Turns") -> None:
        self._client = client
        self._tensors = tensors
        self._turns = turns
        self._why, self._closed_until = "", 0.0

    def answer(self, values: npt.NDArray[np.generic]) -> Answer:
        """Outputs of one input."""
        if time.monotonic() < self._closed_until:
            raise ServiceAwayError(self._why)
        with self._turns.one():
            try:
                return self._client.infer(
                    self._tensors.input, values, self._tensors.datatype.value, self._tensors.outputs
                )
            except ServiceAwayError as error:
                self._why, self._closed_until = str(error), time.monotonic() + PAUSE
                raise

    def told_by(self, answer: Answer) -> str:
        """Which service, and which of its versions."""
        service = self._client.service
        version = service.version or answer.version
        named = f"{service.model} version {version}" if version else service.model
        return f"service {named} at {service.endpoint}"


class Turns:
    """A number of turns that all processes of a machine share, by locks of files in a folder."""

    def __init__(self, folder: Path, count: int) -> None:
        self._places = [folder / f"turn-{number}.lock" for number in range(count)]

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a turn; wait for one where none is free."""
        self._places[0].parent.mkdir(parents=True, exist_ok=True)
        with self._taken().open("a") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield

    def _taken(self) -> Path:
        """A place that seems free, or the one of this process to wait at."""
        for place in self._places:
            with place.open("a") as tried:
                try:
                    fcntl.flock(tried, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                return place
        return self._places[os.getpid() % len(self._places)]


class AskedNetwork:
    """A network that runs in this process."""

    def __init__(self, network: Network, tensors: Tensors) -> None:
        """Take a network.

        Raises
        ------
        BackendError
            If it has other tensors than its card names.
        """
        require_tensors(network.inputs, network.outputs, tensors)
        self._network = network
        self._tensors = tensors

    def answer(self, values: npt.NDArray[np.generic]) -> Answer:
        """Outputs of one input."""
        made: Mapping[str, npt.NDArray[np.float32]] = self._network.run(
            {self._tensors.input: np.asarray(values, dtype=np.float32)}
        )
        return Answer(tensors=made)

    def told_by(self, answer: Answer) -> str:
        """Nobody else."""
        del answer
        return ""


def require_tensors(inputs: Sequence[str], outputs: Sequence[str], tensors: Tensors) -> None:
    """Raise BackendError if a network lacks a tensor that its card names, or takes more."""
    if tuple(inputs) != (tensors.input,):
        raise BackendError(
            f"the network takes {', '.join(inputs)}, and the card names {tensors.input}"
        )
    if missing := [name for name in tensors.outputs if name not in outputs]:
        raise BackendError(
            f"the network has no output {', '.join(missing)}; it has {', '.join(outputs)}"
        )
