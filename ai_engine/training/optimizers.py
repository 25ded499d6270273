"""Optimisers of the published recipes that Keras 3 does not ship.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from typing import Any

import keras
from keras import ops

RECTIFICATION_STARTS = 4.0
"""Length of the approximated moving average above which the variance can be rectified."""


class RAdam(keras.optimizers.Adam):  # type: ignore[misc]  # Keras is untyped
    """Rectified Adam (Liu et al., On the Variance of the Adaptive Learning Rate, ICLR 2020).

    Algorithm 2 of the paper: while the length of the approximated simple moving average is at most
    4, the step is the bias-corrected first moment alone; after that it is Adam's step times the
    rectification term. ``weight_decay`` is decoupled, as in the authors' own code: each step takes
    ``learning_rate * weight_decay`` of the variable away.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        gradient = ops.cast(gradient, variable.dtype)
        rate = ops.cast(learning_rate, variable.dtype)
        # In double precision: the term below is a small difference of large numbers.
        step = ops.cast(self.iterations + 1, "float64")
        place = self._get_variable_index(variable)
        momentum, velocity = self._momentums[place], self._velocities[place]
        self.assign_add(momentum, (gradient - momentum) * (1 - self.beta_1))
        self.assign_add(velocity, (ops.square(gradient) - velocity) * (1 - self.beta_2))
        corrected = momentum / ops.cast(1 - ops.power(self.beta_1, step), variable.dtype)
        rectification, is_rectified = self._rectification(step)
        spread = ops.sqrt(velocity / ops.cast(1 - ops.power(self.beta_2, step), variable.dtype))
        adapted = corrected * ops.cast(rectification, variable.dtype) / (spread + self.epsilon)
        self.assign_sub(variable, rate * ops.where(is_rectified, adapted, corrected))

    def _rectification(self, step: Any) -> tuple[Any, Any]:
        """The term r of step t, and whether it applies."""
        longest = 2 / (1 - self.beta_2) - 1
        power = ops.power(self.beta_2, step)
        length = longest - 2 * step * power / (1 - power)
        is_rectified = length > RECTIFICATION_STARTS
        usable = ops.maximum(length, RECTIFICATION_STARTS)
        ratio = (usable - 4) * (usable - 2) * longest / ((longest - 4) * (longest - 2) * usable)
        return ops.sqrt(ratio), is_rectified


class CoupledAdam(keras.optimizers.Adam):  # type: ignore[misc]  # Keras is untyped
    """Adam whose weight decay is part of the gradient, as PyTorch's Adam has it.

    Keras' own ``weight_decay`` is decoupled (AdamW); recipes stated for PyTorch mean this one.
    """

    def __init__(self, learning_rate: float = 1e-3, *, penalty: float = 0.0, **kwargs: Any) -> None:
        super().__init__(learning_rate, **kwargs)
        self.penalty = penalty

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        decayed = gradient + self.penalty * ops.cast(variable, gradient.dtype)
        super().update_step(decayed, variable, learning_rate)

    def get_config(self) -> dict[str, Any]:
        """The settings, to make the same optimiser again."""
        return {**super().get_config(), "penalty": self.penalty}


def build_optimizer(
    name: str,
    *,
    learning_rate: float,
    weight_decay: float = 0.0,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
) -> keras.optimizers.Optimizer:
    """An optimiser of a published recipe by name: ``adam`` (as PyTorch's) or ``radam``.

    Raises
    ------
    ValueError
        If the name is neither.
    """
    match name:
        case "adam":
            return CoupledAdam(learning_rate, penalty=weight_decay, beta_1=beta_1, beta_2=beta_2)
        case "radam":
            return RAdam(
                learning_rate,
                beta_1=beta_1,
                beta_2=beta_2,
                epsilon=1e-8,
                weight_decay=weight_decay or None,
            )
    raise ValueError(f"optimiser {name!r} is unknown; known are adam and radam")
