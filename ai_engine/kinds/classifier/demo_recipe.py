"""Training recipes: everything that decides what a training run does, as data.

The named recipes are the TOML files in ``recipes/`` beside this module.
"""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from ai_engine.errors import RecipeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How far training images are varied. Probabilities are 0 to 1, spreads are half ranges.

    ``gamma``, ``contrast`` and ``level`` vary what devices vary (paper 1, section VII; paper 3's
    level adjustment); ``zoom`` and ``aspect`` are logarithmic, ``shift`` and the erased squares'
    sides are parts of the image's side, ``rotation`` is in degrees.
    """

    flip: float = 0.5
    rotation: float = 12.0
    zoom: float = 0.15
    aspect: float = 0.1
    shift: float = 0.06
    gamma: float = 0.35
    contrast: float = 0.3
    blur: float = 0.3
    noise: float = 0.03
    erase: float = 0.4
    mixup: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Some epochs at one input size, with their own warm-up and cosine decay."""

    size: int
    epochs: int
    learning_rate: float
    warm_up_epochs: float = 0.0
    final_learning_rate: float = 0.01
    weight_decay: float = 0.02
    validate_every: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One way of training a model.

    ``labels`` are reported by the model; ``auxiliary_labels`` and the patient's sex, view and age
    are further targets that shape the features and are dropped afterwards. ``fixed_moments`` keeps
    the moments of batch normalisation as the weights that a training starts from have them.
    ``center_crop`` is the part of the exposed area's sides that the model is shown.
    """

    name: str
    architecture: str
    labels: tuple[str, ...]
    stages: tuple[Stage, ...]
    input_size: int = 384
    center_crop: float = 1.0
    imagenet: bool = False
    fixed_moments: bool = False
    precision: str = "mixed_bfloat16"
    auxiliary_labels: tuple[str, ...] = ()
    auxiliary_weight: float = 0.15
    attribute_weight: float = 0.1
    label_smoothing: float = 0.05
    batch_size: int = 16
    average_decay: float = 0.98
    gradient_norm: float = 5.0
    dropout: float = 0.0
    flip_averaging: bool = True
    seed: int = 1
    augmentation: Augmentation = field(default_factory=Augmentation)


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that are shipped."""
    return _names_in("recipes")


def _names_in(folder: str) -> tuple[str, ...]:
    place = files("ai_engine.training") / folder
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in place.iterdir() if entry.is_file())
    )


def load_recipe(name_or_path: str) -> Recipe:
    """Load a shipped recipe by name, or one's own from a TOML file.

    Raises
    ------
    RecipeError
        If there is no such recipe, or it holds an unknown or missing setting.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" and path.is_file():
        text = path.read_text(encoding="utf-8")
    elif name_or_path in recipe_names():
        text = (files("ai_engine.training") / "recipes" / f"{name_or_path}.toml").read_text("utf-8")
    else:
        known = ", ".join((*recipe_names(), *_names_in("published")))
        raise RecipeError(f"{name_or_path}: no such recipe; use one of {known}, or a TOML file")
    return parse_recipe(text, where=name_or_path)


def parse_recipe(text: str, *, where: str) -> Recipe:
    """Build a recipe from TOML text; ``where`` names its source in errors."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number too long, nesting without end
        raise RecipeError(f"{where}: not valid TOML: {error}") from error
    stages = table.pop("stages", [])
    augmentation = table.pop("augmentation", {})
    if not stages:
        raise RecipeError(f"{where}: a recipe needs at least one [[stages]] table")
    return _build(
        Recipe,
        {
            **{
                key: tuple(value) if isinstance(value, list) else value
                for key, value in table.items()
            },
            "stages": tuple(_build(Stage, stage, f"{where}, stages") for stage in stages),
            "augmentation": _build(Augmentation, augmentation, f"{where}, augmentation"),
        },
        where,
    )


T = TypeVar("T")


def _build(kind: type[T], table: dict[str, Any], where: str) -> T:
    known = {entry.name for entry in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise RecipeError(f"{where}: unknown setting {key!r}; known are {sorted(known)}")
    try:
        return kind(**table)
    except TypeError as error:
        raise RecipeError(f"{where}: {error}") from error
