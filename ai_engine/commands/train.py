"""What ``dicom-node models train`` does with a published recipe.

Importing this module loads no TensorFlow; calling `train_published` does.
"""

import dataclasses
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ai_engine.ct.dataset import read_mosmed
from ai_engine.datasets.layouts import AUTO, read_dataset
from ai_engine.errors import RecipeError
from ai_engine.kinds.bones.dataset import read_bone_pairs
from ai_engine.kinds.bones.scales import scales_of
from ai_engine.kinds.installed import InstalledModels, RunModels, models_of
from ai_engine.kinds.lungs.dataset import read_lungs
from ai_engine.library.card import ModelCard
from ai_engine.library.names import model_folder
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

    Parameters are those of `ai_engine.commands.train_demo.train`.

    Raises
    ------
    RecipeError, DatasetError
        If the recipe or the data can't be used as they are.
    ModelNotFoundError, ModelFolderError
        If a model that the recipe rests on isn't installed or active, or is damaged; or if the
        new model's name or version can't be a folder's.
    """
    settings = _starting_from(load_published(recipe), start_from)
    model_folder(out, settings.model_name, version)  # better here than after hours of training
    models = models_of(settings, installed, threads=threads)
    out.mkdir(parents=True, exist_ok=True)
    run = TrainingRun(
        recipe=settings,
        data=data,
        layout=settings.layout if layout == AUTO else layout,
        out=out,
        version=version,
        resume=resume,
        threads=threads,
        models=models,
        command=_command_line(recipe, data, version, layout, models.start),
        console=console,
    )
    return _TRAINERS[settings.task](run)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrainingRun:
    """All that one training is told: the command's options, and the models that it rests on."""

    recipe: PublishedRecipe
    data: Path
    layout: str
    out: Path
    version: str
    resume: bool
    threads: int | None
    models: RunModels
    command: str
    console: Console | None

    @contextmanager
    def session(self, *, rounds: int = 1) -> Iterator["RunProgress"]:
        """TensorFlow as the recipe wants it, and a bar for as many rounds of its epochs."""
        precision = half_precision(on_cpu=self.recipe.half_precision)
        epochs = self.recipe.epochs * rounds
        with (
            tensorflow_session(seed=self.recipe.seed, precision=precision, threads=self.threads),
            RunProgress(self.recipe, epochs, self.console) as report,
        ):
            yield report

    @property
    def published(self) -> dict[str, Any]:
        """What every model folder is written with."""
        return {"out": self.out, "version": self.version, "command": self.command}


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


def _train_images(run: TrainingRun) -> ModelCard:
    dataset = read_dataset(run.data, run.layout)
    with run.session() as report:
        from ai_engine.kinds.classifier.publish import publish_images  # noqa: PLC0415 - matplotlib
        from ai_engine.kinds.classifier.training import train_images  # noqa: PLC0415 - TensorFlow
        from ai_engine.kinds.dual_view.training import train_pairs  # noqa: PLC0415 - TensorFlow

        train = train_pairs if run.recipe.task is Task.VIEW_PAIRS else train_images
        trained = train(
            run.recipe,
            dataset,
            folder=run.out,
            resume=run.resume,
            progress=report,
            models=run.models,
        )
        return publish_images(run.recipe, trained, dataset, models=run.models, **run.published)


def _train_boxes(run: TrainingRun) -> ModelCard:
    dataset = read_dataset(run.data, run.layout)
    with run.session() as report:
        from ai_engine.kinds.detector.publish import publish_boxes  # noqa: PLC0415 - matplotlib
        from ai_engine.kinds.detector.training import train_boxes  # noqa: PLC0415 - TensorFlow

        trained = train_boxes(
            run.recipe, dataset, folder=run.out, resume=run.resume, progress=report
        )
        return publish_boxes(run.recipe, trained, dataset, **run.published)


def _train_with_header(run: TrainingRun) -> ModelCard:
    dataset = read_dataset(run.data, run.layout)
    with run.session() as report:
        from ai_engine.kinds.with_header.publish import (  # noqa: PLC0415 - matplotlib
            publish_with_header,
        )
        from ai_engine.kinds.with_header.training import train_with_header  # noqa: PLC0415 - TensorFlow

        trained = train_with_header(
            run.recipe, dataset, folder=run.out, resume=run.resume, progress=report
        )
        return publish_with_header(run.recipe, trained, dataset, **run.published)


def _train_bones(run: TrainingRun) -> ModelCard:
    pairs = read_bone_pairs(run.data)
    scales = len(scales_of(run.recipe.architecture, run.recipe.input_size))
    with run.session(rounds=scales) as report:
        from ai_engine.kinds.bones.publish import publish_bones  # noqa: PLC0415 - matplotlib
        from ai_engine.kinds.bones.training import train_bones  # noqa: PLC0415 - TensorFlow

        trained = train_bones(run.recipe, pairs, folder=run.out, resume=run.resume, progress=report)
        return publish_bones(run.recipe, trained, pairs, **run.published)


def _train_masks(run: TrainingRun) -> ModelCard:
    items = read_lungs(run.data)
    with run.session(rounds=run.recipe.folds + 1) as report:
        from ai_engine.kinds.lungs.publish import publish_masks  # noqa: PLC0415 - matplotlib
        from ai_engine.kinds.lungs.training import train_masks  # noqa: PLC0415 - TensorFlow

        trained = train_masks(
            run.recipe,
            items,
            folder=run.out,
            resume=run.resume,
            progress=report,
            models=run.models,
        )
        return publish_masks(
            run.recipe, trained, images=len(items), models=run.models, **run.published
        )


def _train_slices(run: TrainingRun) -> ModelCard:
    studies = read_mosmed(run.data)
    with run.session() as report:
        from ai_engine.ct.slice_publish import publish_slices  # noqa: PLC0415 - matplotlib
        from ai_engine.ct.slice_training import train_slices  # noqa: PLC0415 - TensorFlow

        trained = train_slices(
            run.recipe, studies, folder=run.out, resume=run.resume, progress=report
        )
        return publish_slices(run.recipe, trained, **run.published)


_TRAINERS: dict[Task, Callable[[TrainingRun], ModelCard]] = {
    Task.LABELS: _train_images,
    Task.CLASSES: _train_images,
    Task.VIEW_PAIRS: _train_images,
    Task.CLASSES_WITH_HEADER: _train_with_header,
    Task.BOXES: _train_boxes,
    Task.MASK: _train_masks,
    Task.CT_MASK: _train_slices,
    Task.BONES: _train_bones,
}
"""How each task is learned, from a data set of its kind."""


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
