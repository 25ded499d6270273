"""A training that starts from a file of somebody's weights: DenseNet-121 of ImageNet or CheXNet.

Papers 1 to 3 start DenseNet-121 from ImageNet's weights. Where a hospital has the file (Keras
Applications' H5, torchvision's or torchxrayvision's state dictionary, the same as safetensors), it
is brought into this engine's form once and kept in the cache; its head of photographs' classes is
not taken over.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ai_engine.errors import RecipeError
from ai_engine.importing.convert import FEATURES, convert_densenet121
from ai_engine.importing.readers import read_source
from ai_engine.importing.source import Framework, SourceTensors
from ai_engine.library.card import Label, ModelCard, write_card
from ai_engine.library.weights_file import WEIGHTS_FILE, digest, write_weights
from ai_engine.models.architecture import DENSENETS
from ai_engine.models.catalogue import architectures
from ai_engine.training.recipe import Recipe

_HEADS = ("head/kernel", "head/bias")
_NAME = "weights-of-a-file"


def is_start_file(start: str) -> bool:
    """Whether what a training starts from is a file, and no installed model."""
    return bool(start) and Path(start).is_file()


def start_of_file(file: Path, recipe: Recipe, cache: Path) -> ModelCard:
    """The weights of a file as a model to start from.

    Raises
    ------
    RecipeError
        If the recipe's network is no DenseNet-121 and has none in it.
    WeightImportError
        If the file can't be read, or is not DenseNet-121's.
    """
    takes = {recipe.architecture, *architectures()[recipe.architecture].starts}
    if not takes.intersection(DENSENETS):
        raise RecipeError(
            f"{recipe.name}: a file of weights starts DenseNet-121 alone, and this recipe trains "
            f"{recipe.architecture}; leave --start-from out, or name an installed model"
        )
    source = _with_head(read_source(file))
    units = next(source.tensors[name] for name, to in source.paths.items() if to == _HEADS[1]).size
    tensors = convert_densenet121(source, file=file, labels=units)
    place = cache / "starts" / digest(file)[:16]
    written = write_weights(place / WEIGHTS_FILE, tensors, exact=True)
    card = ModelCard(
        folder=place,
        name=_NAME,
        version=written[:12],
        title=f"Weights of {file.name}",
        manufacturer="unknown",
        kind="classifier",
        architecture="densenet121",
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
