"""What ``dicom-node models train`` does.

Importing this module loads no TensorFlow; calling `train` does.
"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ai_engine.commands.train import train_published
from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.datasets.layouts import AUTO, read_dataset
from ai_engine.errors import RecipeError
from ai_engine.kinds.classifier.demo_recipe import Recipe, load_recipe
from ai_engine.kinds.installed import InstalledModels
from ai_engine.library.card import ModelCard
from ai_engine.library.names import model_folder
from ai_engine.training.published_recipe import is_published
from ai_engine.training.tensorflow_session import tensorflow_session

if TYPE_CHECKING:
    from ai_engine.kinds.classifier.loop import TrainedNetwork

_SHOWN = frozenset({"loss", "valid_auc", "valid_loss"})


def train(
    *,
    recipe: str,
    data: Path,
    out: Path,
    version: str = "1.0.0",
    resume: bool = True,
    threads: int | None = None,
    layout: str = AUTO,
    start_from: str = "",
    installed: InstalledModels | None = None,
    console: Console | None = None,
) -> ModelCard:
    """Train a model and write it as a model folder.

    Parameters
    ----------
    recipe
        Name of a shipped recipe, or a TOML file.
    data
        Folder of a data set (`ai_engine.datasets.layouts`).
    out
        Folder of the run: ``checkpoint.safetensors``, ``history.json``, ``curves.png``, and the
        finished model in ``<model>/<version>/``, ready for `ModelRegistry` or ``models import``.
    version
        Version of the model made.
    resume
        Go on from the folder's checkpoint if there is one.
    threads
        Threads that TensorFlow uses; None leaves it to TensorFlow (all cores).
    layout
        The data set's layout; ``auto`` is the one that the recipe names, or looks at its tables.
    start_from
        Installed model, ``name`` or ``name/version``, whose weights the training starts from; in
        place of the recipe's own. For published recipes.
    installed
        The models that recipes may start from, and that make their channels.
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
    ModelNotFoundError, ModelFolderError
        If a model that the recipe rests on isn't installed or active, or is damaged.
    """
    if is_published(recipe):
        return train_published(
            recipe=recipe,
            data=data,
            out=out,
            version=version,
            resume=resume,
            threads=threads,
            layout=layout,
            start_from=start_from,
            installed=installed,
            console=console,
        )
    if start_from:
        raise RecipeError(
            f"{recipe} starts from ImageNet or noise, not from {start_from}; published recipes "
            "start from other models, and dicom-node models finetune goes on with an active one"
        )
    settings = load_recipe(recipe)
    model_folder(out, settings.name, version)  # better here than after hours of training
    dataset = read_dataset(data, layout)
    out.mkdir(parents=True, exist_ok=True)
    with tensorflow_session(seed=settings.seed, precision=settings.precision, threads=threads):
        from ai_engine.kinds.classifier import demo_publish as publish  # noqa: PLC0415

        publication = publish.Publication(
            recipe=settings,
            out=out,
            version=version,
            command=_command_line(recipe, data, version),
            dataset=dataset,
        )
        if settings.architecture == "guardnet":
            tensors, history = _train_guard(settings, dataset, console)
            return publish.publish_guard(publication, tensors, history)
        trained = _train_classifier(settings, dataset, out, resume, console)
        return publish.publish_classifier(publication, trained.tensors, trained.history)


def _train_classifier(
    recipe: Recipe, dataset: CxrDataset, out: Path, resume: bool, console: Console | None
) -> "TrainedNetwork":
    from ai_engine.kinds.classifier.demo_batches import load_training_set  # noqa: PLC0415 - after TensorFlow
    from ai_engine.kinds.classifier.loop import TrainingRun  # noqa: PLC0415 - loads TensorFlow

    train_items = dataset.part(Split.TRAIN)
    run = TrainingRun(
        recipe,
        train=load_training_set(dataset, train_items, recipe),
        valid=load_training_set(dataset, dataset.part(Split.VALID), recipe),
        folder=out,
    )
    steps = len(train_items) // recipe.batch_size
    with EpochProgress(recipe, steps, console) as report:
        return run.run(resume=resume, progress=report)


def _train_guard(
    recipe: Recipe, dataset: CxrDataset, console: Console | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    from ai_engine.kinds.classifier.demo_batches import load_training_set  # noqa: PLC0415 - after TensorFlow
    from ai_engine.kinds.guard.training import epoch_steps, train_guard  # noqa: PLC0415 - the same

    samples = load_training_set(dataset, dataset.part(Split.TRAIN), recipe).samples
    with EpochProgress(recipe, epoch_steps(recipe, len(samples)), console) as report:
        return train_guard(recipe, samples, report), report.history


def _command_line(recipe: str, data: Path, version: str) -> str:
    """The command that repeats the run; folders by their last name, which is no one's machine."""
    words = ["dicom-node", "models", "train", "--recipe", Path(recipe).name]
    return shlex.join([*words, "--data", data.name, "--version", version])


class EpochProgress:
    """A progress bar over all epochs, or nothing without a console; keeps each epoch's figures."""

    def __init__(self, recipe: Recipe, steps: int, console: Console | None) -> None:
        self.history: list[dict[str, Any]] = []
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=console,
            disable=console is None,
        )
        total = steps * sum(stage.epochs for stage in recipe.stages)
        self._task = self._bar.add_task(recipe.name, total=total)

    def __enter__(self) -> "EpochProgress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, event: dict[str, Any]) -> None:
        """Take a step's or an epoch's event."""
        if "step" in event:
            self._bar.advance(self._task)
            return
        entry = event["epoch_done"]
        self.history.append(entry)
        if self._console is not None:
            words = [f"{key} {value:.3f}" for key, value in entry.items() if key in _SHOWN]
            self._console.print(f"{entry['size']} px: {', '.join(words)}")
