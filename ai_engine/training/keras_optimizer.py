"""The optimiser that a published recipe names."""

from typing import Any

import keras

from ai_engine.errors import RecipeError
from ai_engine.optimizers import build_optimizer
from ai_engine.training.published_recipe import PublishedRecipe


def compile_optimizer(recipe: PublishedRecipe) -> Any:
    """The optimiser at the recipe's first learning rate.

    Raises
    ------
    RecipeError
        If no optimiser has that name.
    """
    if recipe.optimizer == "sgd":
        return keras.optimizers.SGD(recipe.learning_rate, momentum=recipe.momentum)
    try:
        return build_optimizer(
            recipe.optimizer,
            learning_rate=recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            beta_1=recipe.beta_1,
            beta_2=recipe.beta_2,
        )
    except ValueError as error:
        raise RecipeError(f"{recipe.name}: {error}") from error
