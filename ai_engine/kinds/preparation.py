"""A model made ready to be run, whatever its kind: what serving would do at the first study."""

from pathlib import Path

from ai_engine.kinds.registry import Part, has_part, part
from ai_engine.library.card import ModelCard


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
    if has_part(card, Part.PREPARATION):
        part(card, Part.PREPARATION)(card, cache)
