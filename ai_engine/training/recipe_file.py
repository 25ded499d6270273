"""Reading recipes: shipped ones by name, one's own from TOML files."""

import dataclasses
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ai_engine.errors import RecipeError
from ai_engine.library.names import require_name
from ai_engine.models.catalogue import architectures
from ai_engine.training.pretrained import PACKAGES
from ai_engine.training.recipe import Augmentation, Recipe, Schedule, Stage
from ai_engine.training.tasks import TaskSpec, specs_of, tasks

Table = dict[str, Any]

_CONDITIONS = (
    (("momentum",), "optimizer", ("sgd",)),
    (("weight_decay", "beta_1", "beta_2"), "optimizer", ("adam", "radam")),
    (("factor", "patience"), "schedule", (Schedule.PLATEAU, Schedule.STEPS)),
)
"""Settings that are read only with some values of another setting."""


def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that are shipped."""
    place = files("ai_engine.training") / "recipes"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in place.iterdir()))


def load_recipe(name_or_path: str) -> Recipe:
    """Load a shipped recipe by name, or one's own from a TOML file.

    Raises
    ------
    RecipeError
        If there is no such recipe, or it holds an unknown, unread, missing or wrong setting.
    """
    path = Path(name_or_path)
    if path.suffix == ".toml" and path.is_file():
        return parse_recipe(path.read_text(encoding="utf-8"), where=name_or_path)
    if name_or_path not in recipe_names():
        known = ", ".join(recipe_names())
        raise RecipeError(f"{name_or_path}: no such recipe; use one of {known}, or a TOML file")
    return parse_recipe(_shipped(name_or_path), where=name_or_path)


def parse_recipe(text: str, *, where: str) -> Recipe:
    """Build a recipe from TOML text; ``where`` names its source in errors.

    ``extends`` names a shipped recipe whose settings hold where the text has no own.
    """
    own, base = _tables(text, where)
    table = base | own
    _require_known(Recipe, own, where)
    _require_known(Augmentation, own.get("augmentation", {}), f"{where}, augmentation")
    _require_known(Stage, own.get("stages", []), f"{where}, stages")
    table["augmentation"] = base.get("augmentation", {}) | own.get("augmentation", {})
    if "task" not in table:
        raise RecipeError(f"{where}: setting 'task' is missing; use one of {', '.join(tasks())}")
    try:
        kind, spec = _learned(table)
        recipe = _built({"kind": kind} | table, spec)
        require_possible(recipe, spec)
        _require_read(own, recipe, spec)
    except (TypeError, ValueError) as error:
        raise RecipeError(f"{where}: {error}; correct this setting") from error
    return recipe


def starting_from(recipe: Recipe, model: str) -> Recipe:
    """The recipe with another start than its own: the weights of an installed model.

    Raises
    ------
    RecipeError
        If what the recipe trains can't start from a model.
    """
    if not model:
        return recipe
    if recipe.spec.instead_of_start:
        raise RecipeError(
            f"{recipe.name} starts from ImageNet or noise, not from {model}; "
            f"{recipe.spec.instead_of_start}; leave --start-from out"
        )
    changed = dataclasses.replace(recipe, start_from=model, imagenet=False)
    try:
        require_possible(changed, recipe.spec)
    except ValueError as error:
        raise RecipeError(f"{recipe.name}: {error}; leave --start-from out") from error
    return changed


def require_possible(recipe: Recipe, spec: TaskSpec) -> None:
    """Raise ValueError for settings that name nothing, contradict each other, or lack another."""
    require_name(recipe.name, "name")
    require_name(recipe.model_name, "model")
    task, architecture = recipe.task, recipe.architecture
    if recipe.channels and "channels" not in spec.reads:
        raise ValueError(f"a network of task {task!r} takes no channels")
    if len(set(recipe.channels)) < len(recipe.channels):
        raise ValueError("one of the channels is named twice")
    if recipe.ranks_beside and "ranks_beside" not in spec.reads:
        raise ValueError(f"a network of task {task!r} sees no ranks beside grey values")
    if recipe.equalized and recipe.ranks_beside:
        raise ValueError(
            "equalized and ranks_beside exclude each other: ranks would be there twice"
        )
    _require_startable(recipe, spec)
    known = spec.architectures or tuple(sorted(architectures()))
    if architecture not in known:
        raise ValueError(
            f"architecture {architecture!r} is unknown; known are {', '.join(known)} "
            f"for task {task!r}"
        )
    if recipe.schedule is Schedule.PLATEAU and "stop_after" not in spec.reads:
        raise ValueError(f"schedule 'plateau' has nothing to go by: {task!r} validates no epoch")
    if recipe.folds < 0 or recipe.folds == 1 or (not recipe.folds and "folds" in spec.needs):
        raise ValueError(f"folds is {recipe.folds}: cross-validation has two folds or more")
    if not 0 <= recipe.patch <= recipe.input_size:
        raise ValueError(f"patch is {recipe.patch}, and slices have {recipe.input_size} pixels")
    if spec.one_stage and [one.size for one in recipe.stages] != [recipe.input_size]:
        raise ValueError("a guard has exactly one of the [[stages]], its size the input_size")


def _require_startable(recipe: Recipe, spec: TaskSpec) -> None:
    if recipe.start_from and "start_from" not in spec.reads:
        raise ValueError(f"a network of task {recipe.task!r} starts from no other model")
    if recipe.start_from and recipe.imagenet:
        raise ValueError("start_from and imagenet exclude each other: name one start")
    if recipe.imagenet and recipe.architecture not in PACKAGES:
        raise ValueError(
            f"imagenet = true: there are no ImageNet weights for {recipe.architecture!r}, only for "
            f"{', '.join(sorted(PACKAGES))}"
        )


def _tables(text: str, where: str) -> tuple[Table, Table]:
    """What a text says itself, and what the recipe says that it extends."""
    try:
        own = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number too long, nesting without end
        raise RecipeError(f"{where}: not valid TOML: {error}") from error
    if "extends" not in own:
        return own, {}
    name = own.pop("extends")
    if name not in recipe_names():
        known = ", ".join(recipe_names())
        raise RecipeError(f"{where}: extends {name!r}, which is none of {known}; name one of these")
    base, above = _tables(_shipped(name), name)
    return own, above | base


def _shipped(name: str) -> str:
    return (files("ai_engine.training") / "recipes" / f"{name}.toml").read_text("utf-8")


def _learned(table: Table) -> tuple[str, TaskSpec]:
    """The kind of model that a recipe trains, the task's usual one if it names none; its task.

    Raises
    ------
    ValueError
        If there is no such task, or the kind doesn't learn it.
    """
    task = table["task"]
    specs = specs_of(task) if isinstance(task, str) else {}
    if not specs:
        raise ValueError(f"task {task!r} is unknown; known are {', '.join(tasks())}")
    kind = table.get("kind", next(iter(specs)))
    if kind not in tuple(specs):
        raise ValueError(f"kind {kind!r} is not what task {task!r} trains")
    return kind, specs[kind]


def _built(table: Table, spec: TaskSpec) -> Recipe:
    """The recipe, of checked types.

    Raises
    ------
    ValueError
        With a sentence for each setting that is missing, or not of its type.
    """
    if "stages" in spec.needs and not table.get("stages"):
        raise ValueError("needs at least one [[stages]] table")
    wrong = [f"setting {name!r} is missing" for name in spec.needs if name not in table]
    try:
        made = _types().validate_python(table)
    except ValidationError as error:
        wrong += [_in_words(each) for each in error.errors()]
    if wrong:
        raise ValueError("; ".join(wrong))
    return made


@cache
def _types() -> TypeAdapter[Recipe]:
    """What checks the types of a recipe: it takes longer to make than a recipe to check."""
    return TypeAdapter(Recipe)


def _in_words(error: Any) -> str:
    place = ".".join(str(part) for part in error["loc"])
    if error["type"] == "missing":
        return f"setting {place!r} is missing"
    return f"{place} = {error['input']!r}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _require_known(kind: type[Any], tables: Any, where: str) -> None:
    known = {entry.name for entry in dataclasses.fields(kind)}
    for table in tables if isinstance(tables, list) else [tables]:
        if not isinstance(table, dict):
            raise RecipeError(f"{where}: {table!r} is no table of settings; write it as one")
        for key in table:
            if key not in known:
                raise RecipeError(f"{where}: unknown setting {key!r}; known are {sorted(known)}")


def _require_read(own: Table, recipe: Recipe, spec: TaskSpec) -> None:
    """Raise ValueError for a setting of a text that nothing would read."""
    for name in _flat(own):
        if name not in spec.reads:
            raise ValueError(f"a training of task {recipe.task!r} does not read {name!r}")
    for names, other, values in _CONDITIONS:
        value = getattr(recipe, other)
        for name in own:
            if name in names and other in spec.reads and value not in values:
                wanted = " or ".join(repr(str(each)) for each in values)
                raise ValueError(
                    f"{name!r} is read only with {other} {wanted}, which is {str(value)!r} here"
                )


def _flat(own: Table) -> Iterator[str]:
    """The settings of a text, those of its tables with the table's name."""
    yield from own
    yield from (f"augmentation.{name}" for name in own.get("augmentation", {}))
    yield from (f"stages.{name}" for stage in own.get("stages", ()) for name in stage)
