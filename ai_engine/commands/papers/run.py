"""What ``dicom-node papers 3 --table 1`` does: train what is missing, measure it, print both.

Each recipe of a table has a folder of its own below ``out``: the run, which can be stopped and goes
on, the model, and its evaluation. What is there already is neither trained nor measured again.
Importing this module loads no TensorFlow; training does.
"""

import json
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from rich.console import Console

from ai_engine.commands.papers.figures import Measured, counted_in, measured_in
from ai_engine.commands.papers.shown import shown_table
from ai_engine.commands.papers.tables import (
    DataNeed,
    Published,
    PublishedTable,
    Source,
    published,
)
from ai_engine.datasets.composing import compose, load_plan
from ai_engine.datasets.layouts import read_dataset
from ai_engine.errors import DatasetError
from ai_engine.kinds.installed import InstalledModels
from ai_engine.library.card import CARD_NAME, ModelCard
from ai_engine.library.registry import ModelRegistry
from ai_engine.training.recipe_file import load_recipe

VERSION = "1.0.0"
IMAGES = "images"
"""The metric that counts a data set's images, for which nothing is trained."""

TRIAL = """\
extends = "{recipe}"
name = "{recipe}"
epochs = 1
steps_per_epoch = 2
batch_size = 2
"""

TRIAL_NOTE = "A trial: two steps of training. What it measures means nothing."


class Train(Protocol):
    """What trains a model: `ai_engine.commands.train.train`."""

    def __call__(
        self,
        *,
        recipe: str,
        data: Path,
        out: Path,
        layout: str,
        installed: InstalledModels,
        console: Console | None,
        threads: int | None,
    ) -> ModelCard:
        """Train by a recipe, and return the model's card."""
        ...


class Evaluate(Protocol):
    """What measures a model: `ai_engine.commands.evaluate.evaluate`."""

    def __call__(
        self,
        *,
        card: ModelCard,
        data: Path,
        out: Path,
        cache: Path,
        layout: str,
        registry: ModelRegistry,
        console: Console | None,
    ) -> object:
        """Write ``report.json`` and what belongs to it into ``out``."""
        ...


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What one table is made of.

    Attributes
    ----------
    data
        Folder of the data sets, each in a folder of its own; or of the one that the table needs.
    out
        Folder for runs, models, evaluations and the table.
    is_trial
        Two steps of training only, to see that everything is in its place.
    """

    data: Path | None
    out: Path
    installed: InstalledModels
    train: Train
    evaluate: Evaluate
    is_trial: bool = False
    threads: int | None = None
    console: Console | None = None
    tables: Published = field(default_factory=published)

    def say(self, words: str) -> None:
        """Show a sentence where there is a console."""
        if self.console is not None:
            self.console.print(words, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A table with our figures by row and column (None: there is none), and what is to be said."""

    table: PublishedTable
    ours: tuple[tuple[Measured | None, ...], ...]
    remarks: tuple[str, ...]
    lacks_data: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured."""
        return all(mine is None for row in self.ours for mine in row)


def make_table(paper: int, number: str, asked: Asked) -> Made:
    """Train what is missing, measure it, and put our figures beside the paper's.

    Without the data nothing is trained: the table has the paper's figures alone, and the remarks
    say what to get and where it belongs.

    Raises
    ------
    RecipeError
        If the paper has no such table.
    AiEngineError
        If training or evaluating fails.
    """
    table = asked.tables.table(paper, number)
    remarks = [table.note] if table.note else []
    try:
        folder = found_data(asked.tables.data[table.data], asked)
    except DatasetError as error:
        remarks.append(str(error))
        nothing = tuple(tuple(None for _ in table.columns) for _ in table.rows)
        return _told(
            Made(table=table, ours=nothing, remarks=tuple(remarks), lacks_data=True), asked
        )
    need = asked.tables.data[table.data]
    places: dict[str, tuple[Path, ModelCard]] = {}
    for recipe in table.recipes:
        try:
            places[recipe] = _evaluated(recipe, folder, need, asked)
        except DatasetError as error:
            remarks.append(f"{recipe}: {error}")
    if asked.is_trial:
        remarks.append(TRIAL_NOTE)
    ours = _figures(table, places, folder, need)
    return _told(Made(table=table, ours=ours, remarks=tuple(remarks)), asked)


def found_data(need: DataNeed, asked: Asked) -> Path:
    """The folder of a data set, put together first where it is made of others.

    Raises
    ------
    DatasetError
        If it isn't there; the message says what to get and where it belongs.
    """
    if asked.data is None:
        raise DatasetError(_lacking(need, Path("DATA") / need.folder, "--data names no folder"))
    within = asked.data / need.folder
    if need.compose:
        return _composed(need, asked.data, asked.out / need.folder)
    if within.is_dir():
        return within
    if _is_read(asked.data, need.layout) if need.layout else (asked.data / need.mark).is_dir():
        return asked.data
    raise DatasetError(_lacking(need, within, "it is not there"))


def _lacking(need: DataNeed, place: Path, why: str) -> str:
    if need.compose:
        return (
            f"Needs {need.title} ({why}). Get it from: {need.where}. Put into the folder that "
            f"--data names: {need.holds}."
        )
    return (
        f"Needs {need.title} ({why}). Get it from: {need.where}. It belongs into {place}, as it is "
        f"distributed: {need.holds}. Then run the same command with --data."
    )


def _is_read(folder: Path, layout: str) -> bool:
    try:
        read_dataset(folder, layout)
    except DatasetError:
        return False
    return True


def _composed(need: DataNeed, sources: Path, out: Path) -> Path:
    if not (out / "labels.csv").is_file():
        try:
            compose(load_plan(need.compose), sources, out)
        except DatasetError as error:
            raise DatasetError(_lacking(need, sources, str(error))) from error
    return out


def _evaluated(recipe: str, folder: Path, need: DataNeed, asked: Asked) -> tuple[Path, ModelCard]:
    """Where the evaluation of a recipe's model lies, and its card; trained and measured if not."""
    asked = _with_rests(recipe, asked)
    run = asked.out / recipe
    card = trained(run, recipe) or _trained_now(recipe, folder, need.layout, asked)
    place = run / "evaluation"
    said = {"model": card.identity.key, "data": str(folder.resolve())}
    known = place / "measured.json"
    if not known.is_file() or json.loads(known.read_text("utf-8")) != said:
        asked.evaluate(
            card=card,
            data=folder,
            out=place,
            cache=asked.installed.cache,
            layout=need.layout or "auto",
            registry=asked.installed.registry,
            console=asked.console,
        )
        known.write_text(json.dumps(said) + "\n", encoding="utf-8")
    return place, card


def _with_rests(recipe: str, asked: Asked) -> Asked:
    """The same with the models installed and active that a recipe's own rests on."""
    for rest in asked.tables.rests_of(recipe):
        card = trained(asked.out / rest.on, rest.on)
        if card is None:
            need = asked.tables.data[rest.data]
            card = _trained_now(rest.on, found_data(need, asked), need.layout, asked)
        installed = asked.installed
        asked = replace(
            asked,
            installed=replace(
                installed,
                registry=installed.registry.with_folders(asked.out / rest.on),
                versions={**installed.versions, card.name: card.version},
            ),
        )
    return asked


def trained(run: Path, recipe: str) -> ModelCard | None:
    """The model that a recipe's run has finished; None where it has not."""
    name = load_recipe(recipe).model_name
    if not (run / name / VERSION / CARD_NAME).is_file():
        return None
    return ModelRegistry(run).card(name, VERSION)


def _trained_now(recipe: str, folder: Path, layout: str, asked: Asked) -> ModelCard:
    run = asked.out / recipe
    asked.say(f"Training {recipe} on {folder} into {run}; it may be stopped, and goes on.")
    stated = recipe
    if asked.is_trial:
        run.mkdir(parents=True, exist_ok=True)
        (run / "trial.toml").write_text(TRIAL.format(recipe=recipe), encoding="utf-8")
        stated = str(run / "trial.toml")
    return asked.train(
        recipe=stated,
        data=folder,
        out=run,
        layout=layout or "auto",
        installed=asked.installed,
        console=asked.console,
        threads=asked.threads,
    )


def _figures(
    table: PublishedTable, places: dict[str, tuple[Path, ModelCard]], folder: Path, need: DataNeed
) -> tuple[tuple[Measured | None, ...], ...]:
    counted = read_dataset(folder, need.layout) if table.metric == IMAGES else None

    def figure(source: Source) -> Measured | None:
        if counted is not None:
            return counted_in(counted, source.label)
        if not source.metric or source.recipe not in places:
            return None
        return measured_in(*places[source.recipe], source)

    return tuple(
        tuple(figure(table.source(row, column)) for column in table.columns) for row in table.rows
    )


def _told(made: Made, asked: Asked) -> Made:
    """Show a table and keep it as JSON."""
    if asked.console is not None:
        asked.console.print(shown_table(made.table, made.ours))
    for remark in made.remarks:
        asked.say(remark)
    if not made.lacks_data:
        asked.out.mkdir(parents=True, exist_ok=True)
        name = f"paper{made.table.paper}-{made.table.number.lower().replace(' ', '').strip('.')}"
        path = asked.out / f"{name}.json"
        path.write_text(json.dumps(_document(made), indent=2) + "\n", encoding="utf-8")
        asked.say(f"Written to {path}.")
    return made


def _document(made: Made) -> dict[str, object]:
    table = made.table
    return {
        "table": table.name,
        "title": table.title,
        "remarks": list(made.remarks),
        "cells": [
            {
                "row": row.title,
                "column": column.title,
                "paper": _number(paper, 1),
                "ours": _number(mine.value, table.scale) if mine else None,
                "low": _number(mine.low, table.scale) if mine else None,
                "high": _number(mine.high, table.scale) if mine else None,
            }
            for row, figures in zip(table.rows, made.ours, strict=True)
            for column, paper, mine in zip(table.columns, row.values, figures, strict=True)
        ],
    }


def _number(value: float, scale: float) -> float | None:
    """A number as JSON has it: what there isn't is null."""
    return None if math.isnan(value) else value * scale
