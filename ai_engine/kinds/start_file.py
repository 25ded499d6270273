"""A training that starts from a file of somebody's weights, of ImageNet or CheXNet.

Papers 1 to 4 start DenseNet-121, VGG16 and Xception from ImageNet's weights. Where a hospital has
the file (Keras Applications' H5, PyTorch's state dictionary, the same as safetensors, ONNX with the
names of training), it is brought into this engine's form once and kept in the cache; its head of
photographs' classes is not taken over.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ai_engine.errors import RecipeError, WeightImportError
from ai_engine.importing.convert import FEATURES, convert_densenet121
from ai_engine.importing.onnx_weights import read_onnx_weights
from ai_engine.importing.readers import READERS, read_source
from ai_engine.importing.source import Array, Framework, SourceTensors
from ai_engine.importing.starts import LAYERS, start_tensors
from ai_engine.library.card import Label, ModelCard, write_card
from ai_engine.library.file_digest import digest
from ai_engine.library.weights_file import WEIGHTS_FILE, write_weights
from ai_engine.models.architecture import DENSENETS
from ai_engine.models.catalogue import architectures
from ai_engine.training.recipe import Recipe

_HEADS = ("head/kernel", "head/bias")
STARTING = frozenset({*DENSENETS, *LAYERS})
"""Networks that files are read of."""

_NAME = "weights-of-a-file"


def is_start_file(start: str) -> bool:
    """Whether what a training starts from is a file, and no installed model."""
    return bool(start) and Path(start).is_file()


def start_of_file(file: Path, recipe: Recipe, cache: Path) -> ModelCard:
    """The weights of a file as a model to start from.

    Raises
    ------
    RecipeError
        If the recipe's network is, and has in it, none that files are read of.
    WeightImportError
        If the file can't be read, or is another network's.
    """
    takes = (recipe.architecture, *architectures()[recipe.architecture].starts)
    network = next((name for name in takes if name in STARTING), "")
    if not network:
        raise RecipeError(
            f"{recipe.name}: a file of weights starts DenseNet-121, ResNet-50, VGG16 or Xception, "
            f"and this recipe trains {recipe.architecture}; leave --start-from out, or name an "
            "installed model"
        )
    source = _read(file)
    units = 1
    if network in DENSENETS:
        tensors, units = _densenet(source, file)
        network = "densenet121"
    else:
        tensors = start_tensors(source, network, file=file)
    return _kept(file, cache, network, tensors, units)


def _read(file: Path) -> SourceTensors:
    if file.suffix == ".onnx":
        return read_onnx_weights(file)
    if file.suffix not in READERS:
        known = ", ".join((*READERS, ".onnx"))
        raise WeightImportError(f"{file}: no reader for this kind of file; known are {known}")
    return read_source(file)


def _densenet(source: SourceTensors, file: Path) -> tuple[dict[str, Array], int]:
    """DenseNet-121's tensors, and how many units its head has."""
    source = _with_head(source)
    units = next(source.tensors[name] for name, to in source.paths.items() if to == _HEADS[1]).size
    return convert_densenet121(source, file=file, labels=units), units


def _kept(
    file: Path, cache: Path, network: str, tensors: dict[str, Array], units: int
) -> ModelCard:
    """The weights in this engine's form, with a card of their own."""
    place = cache / "starts" / digest(file)[:16]
    written = write_weights(place / WEIGHTS_FILE, tensors, exact=True)
    card = ModelCard(
        folder=place,
        name=_NAME,
        version=written[:12],
        title=f"Weights of {file.name}",
        manufacturer="unknown",
        kind="classifier",
        architecture=network,
        input_size=224,
        weights_file=WEIGHTS_FILE,
        weights_digest=written,
        research_only=True,
        intended_use="To start a training from.",
        limitations=(),
        refuses=(),
        licence="unknown: see where the weights came from",
        attribution=f"From the file {file.name}.",
        labels=tuple(
            Label(name=f"output {number}", title=f"output {number}", threshold=0.5)
            for number in range(units)
        ),
    )
    write_card(replace(card, labels=card.labels[:1]))
    return card


def _with_head(source: SourceTensors) -> SourceTensors:
    """The same with a head of one unit, where a file comes without (``notop`` of Keras)."""
    if _HEADS[1] in source.paths.values():
        return source
    shape = (FEATURES, 1) if source.framework is Framework.KERAS else (1, FEATURES)
    head = {_HEADS[0]: np.zeros(shape, np.float32), _HEADS[1]: np.zeros(1, np.float32)}
    return replace(
        source,
        tensors={**source.tensors, **head},
        paths={**source.paths, **{name: name for name in head}},
    )
