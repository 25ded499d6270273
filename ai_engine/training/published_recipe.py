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

from ai_engine.datasets.layouts import AUTO
from ai_engine.errors import RecipeError
from ai_engine.kinds.classifier.demo_recipe import Augmentation
from ai_engine.library.card import ChannelKind
from ai_engine.library.kinds import known_kind
from ai_engine.library.names import require_name
from ai_engine.models.catalogue import architectures

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


_WITH_CHANNELS = frozenset({Task.LABELS, Task.VIEW_PAIRS})
_STARTABLE = frozenset({Task.LABELS, Task.CLASSES, Task.VIEW_PAIRS, Task.MASK})

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
    ``layout`` is the data set's where its tables don't tell. ``channels`` are what the network is
    given beside the radiograph, made by installed models; ``start_from`` is the installed model,
    name or name/version, whose weights the training starts from.
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
    kind: str = "classifier"
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
    layout: str = AUTO
    channels: tuple[ChannelKind, ...] = ()
    start_from: str = ""
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
    return parse_published(_shipped(name_or_path), where=name_or_path)


def is_published(name_or_path: str) -> bool:
    """Whether a name, or a TOML file, is of a recipe of this kind.

    Its file says what ``task`` it has, or which recipe it ``extends``.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" and path.is_file():
        lines = path.read_text("utf-8").splitlines()
        return any(line.startswith(("task ", "extends ")) for line in lines)
    return name_or_path in published_names()


def parse_published(text: str, *, where: str) -> PublishedRecipe:
    """Build a recipe from TOML text; ``where`` names its source in errors.

    ``extends`` names a published recipe whose settings hold where the text has no own.
    """
    table = _settings(text, where)
    varied = table.pop("augmentation", {})
    _require_known(PublishedRecipe, table, where)
    _require_known(Augmentation, varied, f"{where}, augmentation")
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in table.items()
    }
    try:
        values["task"] = Task(values["task"])
        values["kind"] = known_kind(values.get("kind", "classifier"))
        values["schedule"] = Schedule(values.get("schedule", Schedule.CONSTANT))
        values["channels"] = tuple(ChannelKind(kind) for kind in values.get("channels", ()))
        recipe = PublishedRecipe(**values, augmentation=dataclasses.replace(STILL, **varied))
        _require_possible(recipe)
    except (KeyError, TypeError, ValueError) as error:
        raise RecipeError(f"{where}: {error}; correct this setting") from error
    return recipe


def _settings(text: str, where: str) -> dict[str, Any]:
    """What a text says, over what the recipe says that it extends."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number too long, nesting without end
        raise RecipeError(f"{where}: not valid TOML: {error}") from error
    if "extends" not in table:
        return table
    name = table.pop("extends")
    if name not in published_names():
        known = ", ".join(published_names())
        raise RecipeError(f"{where}: extends {name!r}, which is none of {known}; name one of these")
    base = _settings(_shipped(name), name)
    varied = base.get("augmentation", {}) | table.get("augmentation", {})
    return base | table | {"augmentation": varied}


def _shipped(name: str) -> str:
    return (files("ai_engine.training") / _FOLDER / f"{name}.toml").read_text("utf-8")


def _require_possible(recipe: PublishedRecipe) -> None:
    """Raise ValueError for settings that name nothing, or contradict each other."""
    require_name(recipe.name, "name")
    require_name(recipe.model_name, "model")
    if recipe.task is not Task.BOXES and recipe.architecture not in architectures():
        known = ", ".join(sorted(architectures()))
        raise ValueError(f"architecture {recipe.architecture!r} is unknown; known are {known}")
    if recipe.channels and recipe.task not in _WITH_CHANNELS:
        raise ValueError(f"a network of task {recipe.task.value!r} takes no channels")
    if len(set(recipe.channels)) < len(recipe.channels):
        raise ValueError("one of the channels is named twice")
    require_startable(recipe)


def require_startable(recipe: PublishedRecipe) -> None:
    """Raise ValueError if the recipe starts from a model, but what it trains can't."""
    if recipe.start_from and recipe.task not in _STARTABLE:
        raise ValueError(f"a network of task {recipe.task.value!r} starts from no other model")


def _require_known(kind: type[Any], table: dict[str, Any], where: str) -> None:
    known = {entry.name for entry in dataclasses.fields(kind)}
    for key in table:
        if key not in known:
            raise RecipeError(f"{where}: unknown setting {key!r}; known are {sorted(known)}")
