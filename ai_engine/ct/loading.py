"""CT models loaded by their cards, as the registry of kinds asks for them."""

from ai_engine.ct.predictor import CtPredictor, load_classical, load_segmenter
from ai_engine.kinds.loading import Loading

THREADS = 2
"""Threads of one study where the caller doesn't say."""


def load_method(loading: Loading) -> CtPredictor:
    """Load the classical method of a card; it raises what `load_classical` does."""
    return load_classical(loading.card, threads=loading.threads or THREADS)


def load_network(loading: Loading) -> CtPredictor:
    """Load the trained network of a card; it raises what `load_segmenter` does."""
    return load_segmenter(loading.card, cache=loading.cache, threads=loading.threads or THREADS)
