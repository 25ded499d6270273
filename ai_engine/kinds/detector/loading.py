"""Detectors loaded to be served. Networks of other packages come packed, as they were exported."""

from pathlib import Path

from ai_engine.inference.conversion import converted_model
from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.inference.packed_network import NETWORK_FILE, unpacked_network
from ai_engine.kinds.detector.predictor import BoxFinder, BoxPredictor
from ai_engine.kinds.loading import Loading
from ai_engine.library.card import ModelCard


def load_finder(loading: Loading) -> BoxFinder:
    """Load a detector past its guard.

    Raises
    ------
    ModelFolderError, BackendError
        If the model is damaged, or is none with boxes and scores.
    """
    network = OpenVinoNetwork(prepared(loading.card, loading.cache), threads=loading.threads)
    return BoxFinder(loading.card, network)


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
