"""What ``dicom-node models train`` does.

Importing this module loads no TensorFlow; calling `train` does.
"""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ai_engine.cards import ModelCard
from ai_engine.datasets.cxr import Split, read_cxr
from ai_engine.training.recipe import Recipe, load_recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRequest:
    """What to train: recipe (a name or a TOML file), data, and where the run and model go."""

    recipe: str
    data: Path
    out: Path
    version: str = "1.0.0"

    @property
    def command(self) -> str:
        """The command line that repeats this run."""
        words = ["dicom-node", "models", "train", "--recipe", self.recipe]
        words += ["--data", self.data.name, "--version", self.version]
        return shlex.join(words)


def train(
    *,
    recipe: str,
    data: Path,
    out: Path,
    version: str = "1.0.0",
    resume: bool = True,
    threads: int | None = None,
    console: Console | None = None,
) -> ModelCard:
    """Train a model and write it as a model folder.

    Parameters
    ----------
    recipe
        Name of a shipped recipe, or a TOML file.
    data
        Folder in the layout of `ai_engine.datasets.cxr`.
    out
        Folder of the run: ``checkpoint.safetensors``, ``history.json``, ``curves.png``, and the
        finished model in ``<model>/<version>/``, ready for `ModelRegistry` or ``models import``.
    version
        Version of the model made.
    resume
        Go on from the folder's checkpoint if there is one.
    threads
        Threads that TensorFlow uses; None leaves it to TensorFlow (all cores).
    console
        Where progress is shown; None shows none.

    Returns
    -------
    ModelCard
        The card of the model, its thresholds and metrics measured on the validation split.

    Raises
    ------
    RecipeError, DatasetError
        If the recipe or the data can't be used as they are.
    """
    settings = load_recipe(recipe)
    dataset = read_cxr(data)
    out.mkdir(parents=True, exist_ok=True)
    _prepare_tensorflow(settings, threads)
    from ai_engine.training.batches import load_training_set  # noqa: PLC0415 - after TensorFlow
    from ai_engine.training.loop import TrainingRun  # noqa: PLC0415 - loads TensorFlow
    from ai_engine.training.publish import publish  # noqa: PLC0415 - loads matplotlib

    run = TrainingRun(
        settings,
        train=load_training_set(dataset, dataset.part(Split.TRAIN), settings),
        valid=load_training_set(dataset, dataset.part(Split.VALID), settings),
        folder=out,
    )
    with _progress(settings, len(dataset.part(Split.TRAIN)), console) as report:
        trained = run.run(resume=resume, progress=report)
    request = TrainingRequest(recipe=recipe, data=data, out=out, version=version)
    return publish(trained, settings, request, dataset)


def _prepare_tensorflow(recipe: Recipe, threads: int | None) -> None:
    """Keras on TensorFlow in half precision where it is safe, and the recipe's seed."""
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # noqa: PLC0415 - its backend must be chosen first
    import tensorflow as tf  # noqa: PLC0415 - slow, and not for the serving path

    if threads is not None:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    keras.utils.set_random_seed(recipe.seed)


class _progress:  # noqa: N801 - used as a context manager
    """A progress bar over all epochs, or nothing without a console."""

    def __init__(self, recipe: Recipe, images: int, console: Console | None) -> None:
        self._console = console
        steps = images // recipe.batch_size
        self._total = steps * sum(stage.epochs for stage in recipe.stages)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=console is None,
        )
        self._task = self._bar.add_task(recipe.name, total=self._total)

    def __enter__(self) -> "_progress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, event: dict[str, Any]) -> None:
        if "step" in event:
            self._bar.advance(self._task)
        elif self._console is not None:
            entry = event["epoch_done"]
            words = [f"{key} {value:.3f}" for key, value in entry.items() if isinstance(value, float)]
            self._console.print(f"{entry['size']} px: {', '.join(words)}")
