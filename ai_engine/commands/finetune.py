"""Fine-tuning: a model goes on learning from images that experts have judged.

Importing this module loads no TensorFlow; calling `finetune` does, so call it in a process that
serves nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy.typing as npt
from rich.console import Console

from ai_engine.errors import RecipeError
from ai_engine.kinds.classifier.findings_batches import TrainingSet
from ai_engine.kinds.classifier.validated import Reader, ValidatedCase, load_validated
from ai_engine.kinds.registry import kind_of, kinds
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import verify_weights
from ai_engine.training.progress import EpochProgress
from ai_engine.training.recipe import VARIED, Recipe, Stage
from ai_engine.training.tensorflow_session import recipe_session

Tensors = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How a model is fine-tuned: every layer, or the head alone, at a small rate.

    The rate was tried on images that no stated result is about (docs/guides/finetuning.md). With
    ``head_only`` what the network sees stays as it is, and only what follows from it is learned:
    less to gain on a device that shows images otherwise, and less to lose on all others.
    """

    epochs: int = 6
    learning_rate: float = 2e-4
    batch_size: int = 8
    seed: int = 1
    head_only: bool = False


def tuning_recipe(card: ModelCard, tuning: Tuning) -> Recipe:
    """The recipe that fine-tunes a model.

    Raises
    ------
    RecipeError
        If the model has no weights that Keras can train further.
    """
    if card.architecture not in kind_of(card).tunable:
        raise RecipeError(
            f"model {card.identity.key} cannot be fine-tuned: it is a {card.kind} of "
            f"architecture {card.architecture or 'none'}, and only {_tunable_words()} "
            "have weights that training can go on from"
        )
    if card.channels:
        raise RecipeError(
            f"model {card.identity.key} cannot be fine-tuned: it is given channels beside the "
            "radiograph; train it again with dicom-node models train"
        )
    return Recipe(
        name=card.name,
        task="findings",
        architecture=card.architecture,
        labels=tuple(label.name for label in card.labels),
        stages=(
            Stage(
                size=card.input_size,
                epochs=tuning.epochs,
                learning_rate=tuning.learning_rate,
                warm_up_epochs=min(1.0, tuning.epochs / 4),
            ),
        ),
        input_size=card.input_size,
        center_crop=card.center_crop,
        equalized=card.equalized,
        ranks_beside=card.ranks_beside,
        fixed_moments=True,
        half_precision=False,
        attribute_weight=0.0,
        batch_size=tuning.batch_size,
        average_decay=0.95,
        dropout=0.3,
        flip_averaging=card.flip_averaging,
        seed=tuning.seed,
        augmentation=replace(VARIED, erase=0.2),
    )


def _tunable_words() -> str:
    return " and ".join(
        f"{kind.name}s of {' or '.join(sorted(kind.tunable))}" for kind in kinds() if kind.tunable
    )


def finetune(
    card: ModelCard,
    recipe: Recipe,
    *,
    cases: Sequence[ValidatedCase],
    valid: Sequence[ValidatedCase] = (),
    read: Reader,
    folder: Path,
    head_only: bool = False,
    threads: int | None = None,
    console: Console | None = None,
) -> Tensors:
    """Train from a model's weights on; a run that was stopped goes on from the folder's checkpoint.

    Returns the tuned weights by variable path.

    Parameters
    ----------
    card
        The model whose weights the training starts from.
    recipe
        How, by `tuning_recipe`.
    cases
        What is learned.
    valid
        What each epoch is measured on; nothing is chosen by it.
    read
        Reads the image of a case.
    folder
        Where the checkpoint is.
    head_only
        Whether every layer but the head stays as it is.
    threads
        Threads that TensorFlow uses; None leaves it to TensorFlow (all cores).
    console
        Where progress is shown; None shows none.

    Raises
    ------
    RecipeError
        If there are fewer cases than a batch, or the checkpoint is another run's.
    ModelFolderError
        If the weights are not those that the card describes.
    """
    if len(cases) < recipe.batch_size:
        raise RecipeError(
            f"{len(cases)} cases to learn from do not fill one batch of {recipe.batch_size}"
        )
    verify_weights(card)
    load = partial(
        load_validated,
        labels=recipe.labels,
        size=recipe.input_size,
        read=read,
        crop=recipe.center_crop,
        by_rank=recipe.equalized,
    )
    learned, measured = load(cases), load(valid) if valid else None
    with recipe_session(recipe, threads=threads):
        from ai_engine.kinds.classifier.tuning import (  # noqa: PLC0415 - loads TensorFlow
            TuningData,
            TuningTrainer,
        )

        data = TuningData(
            train=learned,
            valid=measured if measured is not None and _has_both(measured) else None,
            start=card,
            head_only=head_only,
        )
        trainer = TuningTrainer(recipe, data, folder=folder)
        with EpochProgress(recipe.name, trainer.epochs, console) as report:
            trainer.run(resume=True, progress=report)
        return trainer.tensors()


def _has_both(data: TrainingSet) -> bool:
    """Whether the first label has cases with it and without it: else its AUC is not defined."""
    first = data.targets[:, 0]
    return bool(first.any() and not first.all())
