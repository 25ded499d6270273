"""A model made ready to be run, whatever its kind: what serving would do at the first study."""

from pathlib import Path

from ai_engine.inference.conversion import converted_model
from ai_engine.inference.packed_network import unpacked_network
from ai_engine.library.card import ModelCard, ModelKind


def prepare_model(card: ModelCard, cache: Path) -> None:
    """Convert or unpack a model, and so prove that its weights fit what its card says.

    What was made stays in the cache for the node. A classical method has nothing to prepare.

    Raises
    ------
    ModelFolderError
        If the weights aren't those of the card.
    BackendError
        If they don't fit the card's architecture, labels and size.
    """
    if card.kind is ModelKind.DETECTOR:
        unpacked_network(card, cache)
    elif card.kind.has_weights:
        converted_model(card, cache)
