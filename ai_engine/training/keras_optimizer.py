"""How a recipe's network is compiled, and the optimiser that the recipe names."""

from typing import Any

import keras

from ai_engine.errors import RecipeError
from ai_engine.training.optimizers import build_optimizer
from ai_engine.training.recipe import Recipe, Stage


def compile_model(model: Any, recipe: Recipe, loss: Any) -> None:
    """Make a Keras model ready to be trained by a recipe.

    Without TensorFlow's just-in-time compiler, which on CPUs makes convolutions three times slower.

    Raises
    ------
    RecipeError
        If no optimiser has the recipe's name for it.
    """
    model.compile(optimizer=recipe_optimizer(recipe), loss=loss, jit_compile=False)


def recipe_optimizer(recipe: Recipe) -> Any:
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


def stage_optimizer(stage: Stage, *, steps: int, clip: float | None = None) -> Any:
    """AdamW whose rate warms up and falls with a cosine over a stage of so many steps an epoch."""
    warm_up = round(stage.warm_up_epochs * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if warm_up else stage.learning_rate,
        max(stage.epochs * steps - warm_up, 1),
        alpha=stage.final_learning_rate,
        warmup_target=stage.learning_rate if warm_up else None,
        warmup_steps=warm_up,
    )
    return keras.optimizers.AdamW(schedule, weight_decay=stage.weight_decay, global_clipnorm=clip)
