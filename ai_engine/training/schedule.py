"""The learning rate and the end of a run, as functions of what its epochs measured.

Nothing else is kept between epochs, so a resumed run goes on as if it had never stopped.
"""

import math
from collections.abc import Sequence
from typing import Any

from ai_engine.training.recipe import Recipe, Schedule

MONITORED = "valid_loss"
SMALLEST_RATE = 1e-7

History = Sequence[dict[str, Any]]


def learning_rate(recipe: Recipe, history: History) -> float:
    """The rate of the epoch that follows a history."""
    done = len(history)
    match recipe.schedule:
        case Schedule.CONSTANT:
            return recipe.learning_rate
        case Schedule.STEPS:
            return recipe.learning_rate * recipe.factor ** (done // recipe.patience)
        case Schedule.COSINE:
            share = done / max(recipe.epochs, 1)
            return max(recipe.learning_rate * (1 + math.cos(math.pi * share)) / 2, SMALLEST_RATE)
        case Schedule.PLATEAU:
            drops = _plateaus(history, recipe.patience)
            return max(recipe.learning_rate * recipe.factor**drops, SMALLEST_RATE)


def is_finished(recipe: Recipe, history: History) -> bool:
    """Whether all epochs are done, or early stopping ends the run."""
    if len(history) >= recipe.epochs:
        return True
    best = best_epoch(history)
    if not recipe.stop_after or best is None:
        return False
    return len(history) - 1 - best >= recipe.stop_after


def best_epoch(history: History) -> int | None:
    """Which epoch, counted from 0, had the lowest validation loss; None if none was measured."""
    measured = [
        (entry[MONITORED], index) for index, entry in enumerate(history) if MONITORED in entry
    ]
    return min(measured)[1] if measured else None


def _plateaus(history: History, patience: int) -> int:
    """How often the validation loss stood still for so many epochs; each time counts anew."""
    lowest, still, drops = math.inf, 0, 0
    for entry in history:
        if entry.get(MONITORED, math.inf) < lowest:
            lowest, still = entry[MONITORED], 0
        else:
            still += 1
        if still >= patience:
            drops, still = drops + 1, 0
    return drops
