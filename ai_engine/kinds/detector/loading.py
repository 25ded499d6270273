"""Detectors loaded to be served. Networks of other packages come packed, as they were exported."""

from pathlib import Path

from ai_engine.errors import BackendError
from ai_engine.inference.conversion import converted_model
from ai_engine.inference.network import Network, Tensors
from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.inference.packed_network import NETWORK_FILE, unpacked_network
from ai_engine.kinds.detector.predictor import BOXES, SCORES, BoxFinder, BoxPredictor
from ai_engine.kinds.loading import Loading
from ai_engine.library.card import ModelCard


def load_finder(loading: Loading) -> BoxFinder:
    """Load a detector past its guard.

    Raises
    ------
    ModelFolderError, BackendError
        If the model is damaged, or is none with boxes and scores.
    """
    card = loading.card
    network = OpenVinoNetwork(prepared(card, loading.cache), threads=loading.threads)
    is_packed = card.weights_file == NETWORK_FILE
    return BoxFinder(card, network if is_packed else NamedOutputs(network))


class NamedOutputs:
    """A network that was built here, whose outputs the conversion left without their names.

    They come in the order of the names (`ai_engine.kinds.detector.cell_network`).
    """

    outputs = (BOXES, SCORES)

    def __init__(self, network: Network) -> None:
        """Name the outputs of a network.

        Raises
        ------
        BackendError
            If it has more or fewer.
        """
        if len(network.outputs) != len(self.outputs):
            raise BackendError(
                f"a detector has the outputs {' and '.join(self.outputs)}, this one has "
                f"{len(network.outputs)}; train or import the model again"
            )
        self._network = network

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs."""
        return self._network.inputs

    def run(self, inputs: Tensors) -> Tensors:
        """Run a batch; it raises what the network does."""
        made = self._network.run(inputs)
        return dict(zip(self.outputs, (made[name] for name in self._network.outputs), strict=True))


def prepared(card: ModelCard, cache: Path) -> Path:
    """A detector's network as it runs: unpacked, or built of its weights where those are kept.

    Raises
    ------
    ModelFolderError, BackendError
        If the model is damaged, or can't be converted.
    """
    if card.weights_file == NETWORK_FILE:
        return unpacked_network(card, cache)
    return converted_model(card, cache)


def load(loading: Loading) -> BoxPredictor:
    """Load a detector and its guard; it raises what `load_finder` does, and ModelNotFoundError."""
    return BoxPredictor(load_finder(loading), guard=loading.guard())
