"""The papers' training recipes as data: TOML files in ``published/`` beside this module.

What a paper leaves out is taken from the publication it cites, and the file says so.
"""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any

from ai_engine.cards import ModelKind
from ai_engine.errors import RecipeError
from ai_engine.training.recipe import Augmentation

_FOLDER = "published"


class Task(StrEnum):
    """What a network learns, which decides its batches and its loss."""

    LABELS = "labels"
    CLASSES = "classes"
    MASK = "mask"
    BOXES = "boxes"
    CT_MASK = "ct-mask"
    VIEW_PAIRS = "view-pairs"
    CLASSES_WITH_HEADER = "classes-with-header"
    BONES = "bones"


class Schedule(StrEnum):
    """How the learning rate goes down from epoch to epoch."""

    CONSTANT = "constant"
    PLATEAU = "plateau"
    STEPS = "steps"
    COSINE = "cosine"


STILL = Augmentation(
    flip=0, rotation=0, zoom=0, aspect=0, shift=0, gamma=0, contrast=0, blur=0, noise=0, erase=0
)
"""No variation at all: what a recipe doesn't name is off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedRecipe:
    """One published way of training.

    ``model`` is the trained model's name where several recipes lead to one, else it's the recipe's;
    ``kind`` is what its card says that it is for.
    ``labels`` are the network's outputs in order. ``steps_per_epoch`` of 0 goes through the
    training part once. With ``schedule`` ``plateau`` the rate is multiplied by ``factor`` after
    ``patience`` epochs in which the validation loss did not fall (ReduceLROnPlateau), with
    ``steps`` every ``patience`` epochs; ``stop_after`` such epochs end the run, 0 never.
    ``imagenet`` starts from published weights. ``half_precision`` computes in bfloat16 on a CPU,
    which depthwise convolutions are slower in; on a GPU it is always float16.
    ``folds`` cross-validates after training on everything; ``doubtful`` are images whose masks
    don't lie on what they show: nothing is learned from them, and figures are given with and
    without them. ``elastic`` is how far
    masks and images are bent, as a part of the side, ``air`` how often something beside the lungs
    becomes as dark as air; ``center_crop`` is the part of each side that is kept.
    ``head_epochs`` and ``head_learning_rate`` are of the second stage, which joins classes with
    the header. A bone GAN trains ``epochs`` at each of its scales, its generator at
    ``learning_rate``, its discriminators at ``discriminator_rate``; ``distance_weight`` is what
    the distance to the real bones counts beside them.
    """

    name: str
    paper: str
    architecture: str
    task: Task
    labels: tuple[str, ...]
    input_size: int
    batch_size: int
    epochs: int
    learning_rate: float
    model: str = ""
    kind: ModelKind = ModelKind.CLASSIFIER
    optimizer: str = "adam"
    steps_per_epoch: int = 0
    weight_decay: float = 0.0
    momentum: float = 0.9
    beta_1: float = 0.9
    beta_2: float = 0.999
    schedule: Schedule = Schedule.CONSTANT
    factor: float = 0.1
    patience: int = 3
    stop_after: int = 0
    imagenet: bool = False
    half_precision: bool = True
    folds: int = 0
    doubtful: tuple[str, ...] = ()
    seed: int = 1
    center_crop: float = 1.0
    discriminator_rate: float = 0.0
    distance_weight: float = 0.0
    head_epochs: int = 0
    head_learning_rate: float = 0.0
    elastic: float = 0.0
    air: float = 0.0
    augmentation: Augmentation = field(default=STILL)

    @property
    def model_name(self) -> str:
        """What the trained model is called."""
        return self.model or self.name

    @property
    def exclusive(self) -> bool:
        """Whether exactly one of the labels holds."""
        return self.task in {Task.CLASSES, Task.CLASSES_WITH_HEADER}


def published_names() -> tuple[str, ...]:
    """Names of the published recipes."""
    folder = files("ai_engine.training") / _FOLDER
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir()))


def load_published(name_or_path: str) -> PublishedRecipe:
    """Load a published recipe by name, or a variation of one from a TOML file.

    Raises
    ------
    RecipeError
        If there is no such recipe, or it holds an unknown, missing or wrong setting.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" and path.is_file():
        return parse_published(path.read_text(encoding="utf-8"), where=str(path))
    if name_or_path not in published_names():
        known = ", ".join(published_names())
        raise RecipeError(f"{name_or_path}: no such recipe; use one of {known}, or a TOML file")
    source = files("ai_engine.training") / _FOLDER / f"{name_or_path}.toml"
    return parse_published(source.read_text("utf-8"), where=name_or_path)


def is_published(name_or_path: str) -> bool:
    """Whether a name, or a TOML file, is of a recipe of this kind: it says what ``task`` it has."""
    path = Path(name_or_path)
    if path.suffix == ".toml" and path.is_file():
        return any(line.startswith("task ") for line in path.read_text("utf-8").splitlines())
    return name_or_path in published_names()


def parse_published(text: str, *, where: str) -> PublishedRecipe:
    """Build a recipe from TOML text; ``where`` names its source in errors."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{where}: not valid TOML: {error}") from error
    varied = table.pop("augmentation", {})
    _require_known(PublishedRecipe, table, where)
    _require_known(Augmentation, varied, f"{where}, augmentation")
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    try:
        values["task"] = Task(values["task"])
        values["kind"] = ModelKind(values.get("kind", ModelKind.CLASSIFIER))
        values["schedule"] = Schedule(values.get("schedule", Schedule.CONSTANT))
        return PublishedRecipe(**values, augmentation=dataclasses.replace(STILL, **varied))
    except (KeyError, TypeError, ValueError) as error:
        raise RecipeError(f"{where}: {error}; correct this setting") from error


def _require_known(kind: type[Any], table: dict[str, Any], where: str) -> None:
    known = {entry.name for entry in dataclasses.fields(kind)}
    for key in table:
        if key not in known:
            raise RecipeError(f"{where}: unknown setting {key!r}; known are {sorted(known)}")
