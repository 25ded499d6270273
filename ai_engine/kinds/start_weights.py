"""Where a training starts that doesn't start from noise: another model's weights.

"We abandon the ImageNet transfer learning [...] Instead, we develop a binary classification
algorithm trained on the ChestX-ray14 dataset and use it to initialize the weights from our model"
(paper 3, section 3.3).
"""

from pkgutil import resolve_name
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.errors import RecipeError
from ai_engine.library.card import ModelCard
from ai_engine.library.trunks import model_weights
from ai_engine.library.weights_file import assign_weights, model_tensors
from ai_engine.models.architecture import DENSENETS
from ai_engine.models.catalogue import architectures, build
from ai_engine.models.start import HEADS, Tensors, fitting
from ai_engine.training.pretrained import imagenet_weights, start_from
from ai_engine.training.recipe import Recipe
from ai_engine.training.trainer import RunModels


def build_network(recipe: Recipe, models: RunModels, **options: Any) -> Any:
    """The recipe's network, with fresh weights or those that it starts from.

    ``options`` are for the architecture's builder.

    Raises
    ------
    RecipeError
        If the model to start from doesn't fit.
    """
    network = build(
        recipe.architecture,
        labels=len(recipe.labels),
        size=recipe.input_size,
        channels=recipe.planes,
        **options,
    )
    if recipe.imagenet:
        start_from(network, imagenet_weights(recipe.architecture))
    if models.start is not None:
        start_network(network, recipe, models.start)
    return network


def start_network(network: Any, recipe: Recipe, card: ModelCard) -> None:
    """Give a recipe's network the weights of a model, as far as both mean the same.

    Heads are taken over only where the labels are the same, in the same order.

    Raises
    ------
    RecipeError
        If the model's architecture, channels or shapes don't fit.
    ModelFolderError
        If the weights can't be read.
    """
    _require_channels(recipe, card)
    given, fresh = model_weights(card), model_tensors(network)
    try:
        started = _started(recipe, card, given, fresh)
    except ValueError as error:
        raise RecipeError(
            f"{recipe.name} cannot start from {card.identity.key}: {error}; start from a model "
            "that was trained with the same architecture and input channels"
        ) from error
    assign_weights(network, started, source=card.weights_path)


def _started(
    recipe: Recipe, card: ModelCard, given: Tensors, fresh: Tensors
) -> dict[str, npt.NDArray[np.float32]]:
    starts = architectures()[recipe.architecture].starts
    if card.architecture in starts:
        made: dict[str, npt.NDArray[np.float32]] = resolve_name(starts[card.architecture])(
            given, fresh
        )
        return made
    pair = {recipe.architecture, card.architecture}
    if len(pair) > 1 and not pair.issubset(DENSENETS):
        raise ValueError(
            f"its architecture is {card.architecture}, the recipe's {recipe.architecture}"
        )
    same_labels = recipe.labels == tuple(label.name for label in card.labels)
    return {
        path: tensor
        if path.startswith(HEADS) and not same_labels
        else fitting(given.get(path), tensor, path)
        for path, tensor in fresh.items()
    }


def _require_channels(recipe: Recipe, card: ModelCard) -> None:
    """The model's channels must be the first of the recipe's: kernels keep their sense."""
    has = tuple(one.kind for one in card.channels)
    if recipe.channels[: len(has)] != has:
        raise RecipeError(
            f"{recipe.name} cannot start from {card.identity.key}: that one was trained with the "
            f"channels {', '.join(has)} beside the radiograph, this recipe has "
            f"{', '.join(recipe.channels) or 'none'}; start from a model without, or with the same"
        )
