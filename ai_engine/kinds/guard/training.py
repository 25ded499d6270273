"""Training of the guard: short enough to need no checkpoints."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from ai_engine.kinds.classifier.demo_recipe import Recipe
from ai_engine.kinds.guard.batches import VIEWS_PER_CHEST, guard_batches
from ai_engine.kinds.guard.guard import Appearance
from ai_engine.kinds.guard.network import build_guardnet
from ai_engine.library.weights_file import model_tensors
from ai_engine.training.augmentation import Sample

Progress = Callable[[dict[str, Any]], None]


def epoch_steps(recipe: Recipe, images: int) -> int:
    """Batches in one epoch."""
    return VIEWS_PER_CHEST * images // recipe.batch_size


def train_guard(
    recipe: Recipe, samples: Sequence[Sample], progress: Progress
) -> dict[str, npt.NDArray[np.float32]]:
    """Train the guard's network and return its tensors by variable path."""
    stage = recipe.stages[0]
    network = build_guardnet(labels=len(Appearance), size=stage.size)
    model = keras.Model(network.input, network.output[0])
    steps = epoch_steps(recipe, len(samples))
    warm_up = round(stage.warm_up_epochs * steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        stage.epochs * steps - warm_up,
        alpha=stage.final_learning_rate,
        warmup_target=stage.learning_rate,
        warmup_steps=warm_up,
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=stage.weight_decay),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        jit_compile=False,
    )
    reduced = [sample.reduced(2 * stage.size) for sample in samples]
    for epoch in range(stage.epochs):
        losses = []
        batches = guard_batches(reduced, recipe, size=stage.size, seed=(recipe.seed, epoch))
        for images, targets in _ahead(batches):
            losses.append(float(model.train_on_batch(images, targets)))
            progress({"stage": 0, "epoch": epoch, "step": len(losses)})
        progress({"epoch_done": {"stage": 0, "size": stage.size, "loss": float(np.mean(losses))}})
    return model_tensors(network)


def _ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """Make the next batches on a thread while the network works."""
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches") as worker:
        waiting = deque(worker.submit(next, batches, None) for _ in range(4))
        while (batch := waiting.popleft().result()) is not None:
            waiting.append(worker.submit(next, batches, None))
            yield batch
