"""The models that make a network's further channels, found by its card or by a recipe."""

from collections.abc import Mapping
from pathlib import Path

from ai_engine.errors import ModelFolderError, ModelNotFoundError
from ai_engine.inference.conversion import converted_model
from ai_engine.inference.input_channels import ChannelSource
from ai_engine.inference.openvino_backend import OpenVinoBackend
from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.kinds.bones.predictor import BoneSubtractor
from ai_engine.kinds.channels.channel_sources import BoneChannel, LungChannel
from ai_engine.kinds.lungs.segmenter import LUNG_MODEL, LungSegmenter
from ai_engine.library.card import ChannelKind, InputChannel, ModelCard, ModelKind
from ai_engine.library.registry import ModelRegistry

MAKERS: Mapping[ChannelKind, ModelKind] = {
    ChannelKind.LUNGS: ModelKind.SEGMENTER,
    ChannelKind.BONES: ModelKind.BONES,
}
"""The kind of model that makes each channel."""


def load_channels(
    card: ModelCard, registry: ModelRegistry, *, cache: Path, threads: int | None = None
) -> tuple[ChannelSource, ...]:
    """Load what makes the further channels of a model, in its card's order.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, BackendError
        If one of the models isn't installed, has other weights or can't be converted.
    """
    return tuple(
        load_channel(one.kind, channel_card(card, one, registry), cache=cache, threads=threads)
        for one in card.channels
    )


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
    if kind is ChannelKind.LUNGS and LUNG_MODEL in versions:
        return registry.active(versions, LUNG_MODEL)
    for name in sorted(versions):
        card = registry.active(versions, name)
        if card.kind is MAKERS[kind]:
            return card
    raise ModelNotFoundError(
        f"the recipe wants a channel of the {kind}, and no model of kind {MAKERS[kind].value} is "
        "active: train or import one, then make it active with dicom-node models promote"
    )


def load_channel(
    kind: ChannelKind, card: ModelCard, *, cache: Path, threads: int | None = None
) -> ChannelSource:
    """Load the model that makes a channel on OpenVINO.

    Raises
    ------
    ModelFolderError, BackendError
        If it is damaged or can't be converted.
    """
    match kind:
        case ChannelKind.LUNGS:
            backend = OpenVinoBackend.load(card, cache=cache, threads=threads)
            return LungChannel(LungSegmenter(card, backend))
        case ChannelKind.BONES:
            network = OpenVinoNetwork(converted_model(card, cache), threads=threads)
            return BoneChannel(BoneSubtractor(card, network))
