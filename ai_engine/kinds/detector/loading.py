"""Detectors loaded to be served. Their networks come packed, as they were exported."""

from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.inference.packed_network import unpacked_network
from ai_engine.kinds.detector.predictor import BoxFinder, BoxPredictor
from ai_engine.kinds.loading import Loading


def load_finder(loading: Loading) -> BoxFinder:
    """Load a detector past its guard.

    Raises
    ------
    ModelFolderError, BackendError
        If the model is damaged, or is none with boxes and scores.
    """
    packed = unpacked_network(loading.card, loading.cache)
    return BoxFinder(loading.card, OpenVinoNetwork(packed, threads=loading.threads))


def load(loading: Loading) -> BoxPredictor:
    """Load a detector and its guard; it raises what `load_finder` does, and ModelNotFoundError."""
    return BoxPredictor(load_finder(loading), guard=loading.guard())
