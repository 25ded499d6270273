"""A classifier behind TensorFlow Serving, known to have the weights that its card describes.

What `models export` writes has, beside the signature that is run, one that is named after the
weights' digest. A server is asked for the version's number and for that name, so a result never
says another version than the one that made it.
"""

import re

from ai_engine.errors import BackendError
from ai_engine.inference.backend import Activation, FloatArray
from ai_engine.inference.network import Network
from ai_engine.inference.serving_network import ServingNetwork
from ai_engine.library.card import ModelCard

INPUT = "image"
OUTPUTS = ("features", "probabilities")

_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})")


class ServingBackend:
    """A classifier that another process runs."""

    def __init__(self, network: Network) -> None:
        """Take a network that has a classifier's tensors.

        Raises
        ------
        BackendError
            If it has others.
        """
        if network.inputs != (INPUT,) or tuple(sorted(network.outputs)) != OUTPUTS:
            raise BackendError(
                f"the network takes {', '.join(network.inputs)} and gives "
                f"{', '.join(network.outputs)}, not {INPUT} and {', '.join(OUTPUTS)}: export the "
                "model again with dicom-node models export"
            )
        self._network = network

    @classmethod
    def load(cls, card: ModelCard, *, url: str) -> "ServingBackend":
        """Find the model of a card on a server.

        Raises
        ------
        BackendError
            If the server can't be reached, lacks this version, or has other weights under it.
        """
        number = serving_version(card)
        network = ServingNetwork(url, card.name, version=number)
        if weights_signature(card) not in network.signatures:
            network.close()
            raise BackendError(
                f"{url}: its {card.name} of version {number} has not the weights of "
                f"{card.identity.key}: export that with dicom-node models export"
            )
        return cls(network)

    def predict(self, batch: FloatArray) -> Activation:
        """Run a batch: float32 (n, rows, columns, 1)."""
        made = self._network.run({INPUT: batch})
        return Activation(probabilities=made["probabilities"], features=made["features"])


def serving_version(card: ModelCard) -> int:
    """A version as the whole number that TensorFlow Serving wants: 2.1.0 is 2001000.

    Raises
    ------
    BackendError
        If it isn't three numbers.
    """
    found = _VERSION.fullmatch(card.version)
    if found is None:
        raise BackendError(
            f"{card.folder}: version {card.version!r} is not three numbers below 1000, as "
            "TensorFlow Serving needs it; give the model such a version"
        )
    major, minor, patch = map(int, found.groups())
    return (major * 1000 + minor) * 1000 + patch


def weights_signature(card: ModelCard) -> str:
    """The name of the signature that says whose weights a saved model has."""
    return f"weights_{card.weights_digest[:32]}"
