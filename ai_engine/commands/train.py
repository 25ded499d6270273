"""What ``dicom-node models train`` does.

Importing this module loads no TensorFlow; calling `train` does.
"""

import shlex
from pathlib import Path

from rich.console import Console

from ai_engine.datasets.layouts import AUTO
from ai_engine.kinds.installed import InstalledModels, models_of
from ai_engine.kinds.registry import trainer as trainer_of
from ai_engine.kinds.start_file import is_start_file
from ai_engine.library.card import ModelCard
from ai_engine.library.names import model_folder
from ai_engine.training.progress import EpochProgress
from ai_engine.training.recipe_file import load_recipe, starting_from
from ai_engine.training.tensorflow_session import recipe_session


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
        Installed model, ``name`` or ``name/version``, or a file of DenseNet-121's weights, that
        the training starts from; in place of the recipe's own.
    installed
        The models that recipes may start from, and that make their channels.
    console
        Where progress is shown; None shows none.

    Returns
    -------
    ModelCard
        The card of the model, its thresholds and metrics measured on the validation part.

    Raises
    ------
    RecipeError, DatasetError
        If the recipe or the data can't be used as they are.
    ModelNotFoundError, ModelFolderError
        If a model that the recipe rests on isn't installed or active, or is damaged; or if the
        new model's name or version can't be a folder's.
    """
    settings = starting_from(load_recipe(recipe), start_from)
    model_folder(out, settings.model_name, version)  # better here than after hours of training
    models = models_of(settings, installed, threads=threads)
    with recipe_session(settings, threads=threads):
        from ai_engine.training.publishing import publish  # noqa: PLC0415 - matplotlib

        learned = trainer_of(settings.kind, settings.task)
        dataset = learned.read(data, settings.layout if layout == AUTO else layout)
        trainer = learned(settings, dataset, folder=out, models=models)
        with EpochProgress(settings.name, trainer.epochs, console) as report:
            trainer.run(resume=resume, progress=report)
        command = _command_line(recipe, data, version, layout, _said(models.start, start_from))
        return publish(trainer, out=out, version=version, command=command)


def _command_line(recipe: str, data: Path, version: str, layout: str, start: str) -> str:
    """The command that repeats the run; folders by their last name, which is no one's machine."""
    words = ["dicom-node", "models", "train", "--recipe", Path(recipe).name]
    words += ["--data", data.name, "--version", version]
    if layout != AUTO:
        words += ["--layout", layout]
    if start:
        words += ["--start-from", start]
    return shlex.join(words)


def _said(start: ModelCard | None, asked: str) -> str:
    """What ``--start-from`` was: a file by its name, or the version of a model; empty without."""
    if is_start_file(asked):
        return Path(asked).name
    return f"{start.name}/{start.version}" if start else ""
