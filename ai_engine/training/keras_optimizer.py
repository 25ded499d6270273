"""How a published recipe's network is compiled, and the optimiser that the recipe names."""

from typing import Any

import keras

from ai_engine.errors import RecipeError
from ai_engine.training.optimizers import build_optimizer
from ai_engine.training.published_recipe import PublishedRecipe


def compile_model(model: Any, recipe: PublishedRecipe, loss: Any) -> None:
    """Make a Keras model ready to be trained by a recipe.

    Without TensorFlow's just-in-time compiler, which on CPUs makes convolutions three times slower.

    Raises
    ------
    RecipeError
        If no optimiser has the recipe's name for it.
    """
    model.compile(optimizer=recipe_optimizer(recipe), loss=loss, jit_compile=False)


def recipe_optimizer(recipe: PublishedRecipe) -> Any:
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
