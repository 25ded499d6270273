"""The models that make a network's further channels, found by its card or by a recipe."""

from collections.abc import Mapping

from ai_engine.errors import ModelFolderError, ModelNotFoundError
from ai_engine.kinds.kind import ModelKind
from ai_engine.kinds.registry import kind_of, kinds
from ai_engine.kinds.shipped import LUNG_MODEL
from ai_engine.library.card import ChannelKind, InputChannel, ModelCard
from ai_engine.library.registry import ModelRegistry


def maker_of(channel: ChannelKind) -> ModelKind:
    """The kind of model that makes a channel."""
    return next(kind for kind in kinds() if kind.channel is channel)


def require_channels(card: ModelCard, registry: ModelRegistry) -> None:
    """Raise ModelNotFoundError or ModelFolderError if a model that a card needs isn't there."""
    for one in card.channels:
        channel_card(card, one, registry)


def channel_card(card: ModelCard, channel: InputChannel, registry: ModelRegistry) -> ModelCard:
    """The model that makes one of a card's channels: the version that training used, no other.

    Raises
    ------
    ModelNotFoundError
        If that version isn't installed.
    ModelFolderError
        If it has other weights now, or its card can't be read.
    """
    maker = f"{channel.model}/{channel.version}"
    needs = f"model {card.name}/{card.version} was trained with the {channel.kind} of {maker}"
    try:
        found = registry.card(channel.model, channel.version)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(
            f"{needs} as a channel, and {error}: install that version (dicom-node models import), "
            "or train the model again with one that is installed"
        ) from error
    if found.weights_digest != channel.weights_digest:
        raise ModelFolderError(
            f"{needs} with the weights {channel.weights_digest[:12]}…, but {found.folder} has "
            f"{found.weights_digest[:12]}…; install that version as it was, or train again"
        )
    return found


def active_channel_card(
    kind: ChannelKind, registry: ModelRegistry, versions: Mapping[str, str]
) -> ModelCard:
    """The active model that makes a channel: what a new training uses.

    Raises
    ------
    ModelNotFoundError
        If none is active.
    """
    # The shipped lung model first: others of its kind may outline something else.
    for name in sorted(versions, key=lambda each: (each != LUNG_MODEL, each)):
        card = registry.active(versions, name)
        if kind_of(card).channel is kind:
            return card
    raise ModelNotFoundError(
        f"the recipe wants a channel of the {kind}, and no model of kind {maker_of(kind).name} is "
        "active: train or import one, then make it active with dicom-node models promote"
    )
