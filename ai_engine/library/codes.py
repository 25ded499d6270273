"""The codes that a model's labels are reported with."""

from ai_engine.errors import ModelFolderError
from ai_engine.library.card import Label, ModelCard
from ai_engine.prediction import Code


def required_code(card: ModelCard, label: Label) -> Code:
    """The code that a label is reported with.

    Raises
    ------
    ModelFolderError
        If its card gives none: findings can't be reported without.
    """
    if label.code is None:
        raise ModelFolderError(
            f"{card.folder}: label {label.name!r} has no code; add it to its card"
        )
    return label.code


def require_codes(card: ModelCard) -> None:
    """Raise ModelFolderError if one of a card's labels has no code to be reported with."""
    for label in card.labels:
        required_code(card, label)
