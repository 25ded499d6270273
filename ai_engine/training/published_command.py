"""What ``dicom-node models train`` does with a published recipe.

Importing this module loads no TensorFlow; calling `train_published` does.
"""

import dataclasses
import shlex
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ai_engine.cards import ModelCard
from ai_engine.datasets.bone_pairs import read_bone_pairs
from ai_engine.datasets.cxr import CxrDataset
from ai_engine.datasets.layouts import AUTO, read_dataset
from ai_engine.datasets.lungs import read_lungs
from ai_engine.datasets.mosmed import read_mosmed
from ai_engine.errors import RecipeError
from ai_engine.models.bone_scales import scales_of
from ai_engine.training.installed import InstalledModels, models_of
from ai_engine.training.published_recipe import (
    PublishedRecipe,
    Task,
    load_published,
    require_startable,
)
from ai_engine.training.tensorflow_session import half_precision, tensorflow_session


def train_published(
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
    """Train a network as a paper did and write it as a model folder.

    Parameters are those of `ai_engine.training.command.train`.

    Raises
    ------
    RecipeError, DatasetError
        If the recipe or the data can't be used as they are.
    ModelNotFoundError, ModelFolderError
        If a model that the recipe rests on isn't installed or active, or is damaged.
    """
    settings = _starting_from(load_published(recipe), start_from)
    models = models_of(settings, installed, threads=threads)
    out.mkdir(parents=True, exist_ok=True)
    command = _command_line(recipe, data, version, layout, models.start)
    if settings.task in _ON_IMAGES:
        train_on = _ON_IMAGES[settings.task]
        return train_on(settings, data, out, version, resume, threads, command, console)
    dataset = read_dataset(data, settings.layout if layout == AUTO else layout)
    with _session(settings, threads), RunProgress(settings, settings.epochs, console) as report:
        if settings.task is Task.BOXES:
            return _train_boxes(settings, dataset, out, version, resume, command, report)
        if settings.task is Task.CLASSES_WITH_HEADER:
            return _train_with_header(settings, dataset, out, version, resume, command, report)
        from ai_engine.training.image_publish import publish_images  # noqa: PLC0415 - matplotlib
        from ai_engine.training.image_run import train_images  # noqa: PLC0415 - TensorFlow
        from ai_engine.training.pair_run import train_pairs  # noqa: PLC0415 - TensorFlow

        run = train_pairs if settings.task is Task.VIEW_PAIRS else train_images
        trained = run(settings, dataset, folder=out, resume=resume, progress=report, models=models)
        return publish_images(
            settings, trained, dataset, out=out, version=version, command=command, models=models
        )


def _starting_from(recipe: PublishedRecipe, model: str) -> PublishedRecipe:
    """The recipe with another start than its own, if there is one.

    Raises
    ------
    RecipeError
        If what the recipe trains can't start from a model.
    """
    if not model:
        return recipe
    changed = dataclasses.replace(recipe, start_from=model)
    try:
        require_startable(changed)
    except ValueError as error:
        raise RecipeError(f"{recipe.name}: {error}; leave --start-from out") from error
    return changed


def _train_boxes(  # noqa: PLR0917 - the command's own options, handed on once
    recipe: PublishedRecipe,
    dataset: CxrDataset,
    out: Path,
    version: str,
    resume: bool,
    command: str,
    report: "RunProgress",
) -> ModelCard:
    from ai_engine.training.box_publish import publish_boxes  # noqa: PLC0415 - matplotlib
    from ai_engine.training.box_run import train_boxes  # noqa: PLC0415 - TensorFlow

    trained = train_boxes(recipe, dataset, folder=out, resume=resume, progress=report)
    return publish_boxes(recipe, trained, dataset, out=out, version=version, command=command)


def _train_with_header(  # noqa: PLR0917 - the command's own options, handed on once
    recipe: PublishedRecipe,
    dataset: CxrDataset,
    out: Path,
    version: str,
    resume: bool,
    command: str,
    progress: "RunProgress",
) -> ModelCard:
    from ai_engine.training.header_publish import publish_with_header  # noqa: PLC0415 - matplotlib
    from ai_engine.training.header_run import train_with_header  # noqa: PLC0415 - TensorFlow

    trained = train_with_header(recipe, dataset, folder=out, resume=resume, progress=progress)
    return publish_with_header(recipe, trained, dataset, out=out, version=version, command=command)


def _train_bones(  # noqa: PLR0917 - the command's own options, handed on once
    recipe: PublishedRecipe,
    data: Path,
    out: Path,
    version: str,
    resume: bool,
    threads: int | None,
    command: str,
    console: Console | None,
) -> ModelCard:
    pairs = read_bone_pairs(data)
    scales = len(scales_of(recipe.architecture, recipe.input_size))
    with (
        _session(recipe, threads),
        RunProgress(recipe, recipe.epochs * scales, console) as report,
    ):
        from ai_engine.training.bone_publish import publish_bones  # noqa: PLC0415 - matplotlib
        from ai_engine.training.bone_run import train_bones  # noqa: PLC0415 - TensorFlow

        trained = train_bones(recipe, pairs, folder=out, resume=resume, progress=report)
        return publish_bones(recipe, trained, pairs, out=out, version=version, command=command)


def _train_masks(  # noqa: PLR0917 - the command's own options, handed on once
    recipe: PublishedRecipe,
    data: Path,
    out: Path,
    version: str,
    resume: bool,
    threads: int | None,
    command: str,
    console: Console | None,
) -> ModelCard:
    items = read_lungs(data)
    epochs = recipe.epochs * (recipe.folds + 1)
    with _session(recipe, threads), RunProgress(recipe, epochs, console) as report:
        from ai_engine.training.mask_publish import publish_masks  # noqa: PLC0415 - matplotlib
        from ai_engine.training.mask_run import train_masks  # noqa: PLC0415 - TensorFlow

        trained = train_masks(recipe, items, folder=out, resume=resume, progress=report)
        return publish_masks(
            recipe, trained, out=out, version=version, command=command, images=len(items)
        )


def _train_slices(  # noqa: PLR0917 - the command's own options, handed on once
    recipe: PublishedRecipe,
    data: Path,
    out: Path,
    version: str,
    resume: bool,
    threads: int | None,
    command: str,
    console: Console | None,
) -> ModelCard:
    studies = read_mosmed(data)
    with _session(recipe, threads), RunProgress(recipe, recipe.epochs, console) as report:
        from ai_engine.training.slice_publish import publish_slices  # noqa: PLC0415 - matplotlib
        from ai_engine.training.slice_run import train_slices  # noqa: PLC0415 - TensorFlow

        trained = train_slices(recipe, studies, folder=out, resume=resume, progress=report)
        return publish_slices(recipe, trained, out=out, version=version, command=command)


_ON_IMAGES = {Task.MASK: _train_masks, Task.CT_MASK: _train_slices, Task.BONES: _train_bones}
"""What is trained on masks or other images, each with a data set of its own."""


def _command_line(
    recipe: str, data: Path, version: str, layout: str, start: ModelCard | None
) -> str:
    """The command that repeats the run; folders by their last name, which is no one's machine."""
    words = ["dicom-node", "models", "train", "--recipe", Path(recipe).name]
    words += ["--data", data.name, "--version", version]
    if layout != AUTO:
        words += ["--layout", layout]
    if start is not None:
        words += ["--start-from", f"{start.name}/{start.version}"]
    return shlex.join(words)


def _session(recipe: PublishedRecipe, threads: int | None) -> AbstractContextManager[None]:
    precision = half_precision(on_cpu=recipe.half_precision)
    return tensorflow_session(seed=recipe.seed, precision=precision, threads=threads)


class RunProgress:
    """A progress bar over the epochs, or nothing without a console."""

    def __init__(self, recipe: PublishedRecipe, epochs: int, console: Console | None) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("step {task.fields[step]}"),
            console=console,
            disable=console is None,
        )
        self._task = self._bar.add_task(recipe.name, total=epochs, step=0)

    def __enter__(self) -> "RunProgress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def __call__(self, event: dict[str, Any]) -> None:
        """Take a step's or an epoch's event."""
        if "step" in event:
            self._bar.update(self._task, step=event["step"])
            return
        self._bar.advance(self._task)
        if self._console is not None:
            words = [f"{key} {value:.3g}" for key, value in event["epoch_done"].items()]
            self._console.print(", ".join(words))
