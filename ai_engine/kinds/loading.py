"""Which predictor runs which kind of radiograph model."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ai_engine.errors import ModelNotFoundError
from ai_engine.inference.choice import DEFAULT, BackendChoice, open_backend
from ai_engine.inference.conversion import converted_model
from ai_engine.inference.openvino_network import OpenVinoNetwork
from ai_engine.inference.packed_network import unpacked_network
from ai_engine.kinds.bones.predictor import BonePredictor, BoneSubtractor
from ai_engine.kinds.channels.channel_loading import load_channels
from ai_engine.kinds.classifier.predictor import (
    CHEST_MODEL,
    ChestRadiographPredictor,
    head_kernel,
    load_guard,
    load_predictor,
)
from ai_engine.kinds.detector.predictor import BoxFinder, BoxPredictor
from ai_engine.kinds.dual_view.predictor import load_dual_view
from ai_engine.kinds.radiograph_predictor import RadiographPredictor
from ai_engine.kinds.with_header.predictor import OpacityClassifier, OpacityPredictor
from ai_engine.library.card import ModelCard, ModelKind
from ai_engine.library.registry import ModelRegistry


def load_radiograph_predictor(
    registry: ModelRegistry,
    versions: Mapping[str, str],
    name: str,
    *,
    cache: Path,
    choice: BackendChoice = DEFAULT,
    threads: int | None = None,
) -> RadiographPredictor:
    """Load the active version of a model that looks at single radiographs, and the guard.

    Parameters are those of `ai_engine.kinds.classifier.predictor.load_predictor`; ``name`` is the
    model's. Only the chest model, whose deviation was measured, runs in another precision than
    float32; what isn't a classifier always runs on OpenVINO. A model that is given further channels
    brings what makes them, in the version that its card names.

    Raises
    ------
    ModelNotFoundError
        If the model isn't installed, or is of a kind that can't be run on radiographs.
    ModelFolderError, BackendError
        If a model is damaged or can't be converted.
    """
    card = registry.active(versions, name)
    if name == CHEST_MODEL:
        return load_predictor(
            registry,
            versions,
            cache=cache,
            choice=choice,
            threads=threads,
            channels=load_channels(card, registry, cache=cache, threads=threads),
        )
    match card.kind:
        case ModelKind.CLASSIFIER:
            plain = replace(choice, precision=DEFAULT.precision)
            backend = open_backend(card, plain, cache=cache, threads=threads)
            guard = load_guard(registry, versions, cache=cache, threads=threads)
            channels = load_channels(card, registry, cache=cache, threads=threads)
            return ChestRadiographPredictor(
                card, backend, head=head_kernel(card), guard=guard, channels=channels
            )
        case ModelKind.DETECTOR:
            network = OpenVinoNetwork(unpacked_network(card, cache), threads=threads)
            guard = load_guard(registry, versions, cache=cache, threads=threads)
            return BoxPredictor(BoxFinder(card, network), guard=guard)
        case ModelKind.DUAL_VIEW:
            guard = load_guard(registry, versions, cache=cache, threads=threads)
            channels = load_channels(card, registry, cache=cache, threads=threads)
            return load_dual_view(
                card, guard=guard, cache=cache, threads=threads, channels=channels
            )
        case ModelKind.CLASSIFIER_WITH_HEADER:
            classifier = load_classifier_with_header(card, cache=cache, threads=threads)
            guard = load_guard(registry, versions, cache=cache, threads=threads)
            return OpacityPredictor(classifier, guard=guard)
        case ModelKind.BONES:
            subtractor = load_bone_subtractor(card, cache=cache, threads=threads)
            guard = load_guard(registry, versions, cache=cache, threads=threads)
            return BonePredictor(subtractor, guard=guard)
        case _:
            raise ModelNotFoundError(
                f"model {name}/{card.version} is a {card.kind.value}, which can't be run on "
                f"radiographs: name {CHEST_MODEL} or another one in config/routes.toml"
            )


def load_classifier_with_header(
    card: ModelCard, *, cache: Path, threads: int | None = None
) -> OpacityClassifier:
    """Load paper 4's classifier on OpenVINO.

    Raises
    ------
    ModelFolderError, BackendError
        If the model is damaged or can't be converted.
    """
    network = OpenVinoNetwork(converted_model(card, cache), threads=threads)
    return OpacityClassifier(card, network, head=head_kernel(card))


def load_bone_subtractor(
    card: ModelCard, *, cache: Path, threads: int | None = None
) -> BoneSubtractor:
    """Load a bone generator on OpenVINO.

    Raises
    ------
    ModelFolderError, BackendError
        If the model is damaged or can't be converted.
    """
    return BoneSubtractor(card, OpenVinoNetwork(converted_model(card, cache), threads=threads))
