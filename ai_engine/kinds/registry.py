"""The kinds of models, and their parts: all that commands, node and training ask by kind."""

from collections.abc import Callable
from enum import StrEnum
from pkgutil import resolve_name
from typing import Any

from ai_engine.errors import ModelFolderError
from ai_engine.kinds.kind import ModelKind
from ai_engine.library.card import CARD_NAME, ModelCard
from ai_engine.library.kinds import described_kind, described_kinds
from ai_engine.training.tasks import spec_of


class Part(StrEnum):
    """The parts that a kind may have, by their field of `ModelKind`."""

    PREDICTOR = "predictor"
    GUARD = "guard"
    TRIAGE = "triage"
    OUTLINES = "outlines"
    CHANNEL_SOURCE = "channel_source"
    PREPARATION = "preparation"
    READINESS = "readiness"
    EVALUATION = "evaluation"
    COMPARISON = "comparison"
    SCORER = "scorer"


LACKS = {
    Part.PREDICTOR: "which makes no results of its own: a route needs another model",
    Part.GUARD: "which guards no other model",
    Part.TRIAGE: "which does no triage",
    Part.OUTLINES: "which outlines no lungs",
    Part.CHANNEL_SOURCE: "which makes no channel for others",
    Part.READINESS: "which the node runs itself",
    Part.EVALUATION: "which no data set is measured with",
    Part.COMPARISON: "whose quality isn't compared",
    Part.SCORER: "which has no probabilities of its own",
}
"""What a kind without a part can't do, in words."""


def kinds() -> tuple[ModelKind, ...]:
    """Every kind, in the table's order."""
    return tuple(described_kinds())


def kind_of(card: ModelCard) -> ModelKind:
    """The kind of a model.

    Raises
    ------
    ModelFolderError
        If the card lacks what its kind needs.
    """
    kind: ModelKind = described_kind(card.kind)
    if kind.has_weights and not card.has_weights:
        raise ModelFolderError(
            f"{card.folder / CARD_NAME}: a {card.kind} needs input_size and weights_file; correct "
            "the card"
        )
    return kind


def has_part(card: ModelCard, part: Part) -> bool:
    """Whether a model's kind has a part."""
    return bool(getattr(kind_of(card), part))


def part(card: ModelCard, wanted: Part) -> Callable[..., Any]:
    """A part of a model's kind, imported now if it wasn't before.

    Raises
    ------
    ModelFolderError
        If the kind hasn't that part.
    """
    path = getattr(kind_of(card), wanted)
    if not path:
        raise ModelFolderError(
            f"model {card.name}/{card.version} is a {card.kind}, {LACKS[wanted]}"
        )
    found: Callable[..., Any] = resolve_name(path)
    return found


def trainer(kind: str, task: str) -> Any:
    """The trainer of a kind's task, a class; it loads TensorFlow, so it is imported now."""
    return resolve_name(spec_of(kind, task).trainer)
