"""The five papers' tables as they are printed, and where our figure of each cell comes from.

They are data (``tables.toml``): what a table says, what it needs, and which recipe, label and
metric stand for each of its cells.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

from pydantic import TypeAdapter

from ai_engine.errors import RecipeError

_ROMAN = {"1": "I", "2": "II", "3": "III"}

WITHOUT_TABLES = {
    4: "Paper 4 prints no figures: its classes are drawn as ROC curves (Fig. 7). Train "
    "paper4-opacity and evaluate it (docs/guides/models.md) for the same curves."
}
"""What is said of a paper that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataNeed:
    """A data set that a table needs.

    ``folder`` is its name in the folder of all data sets, ``layout`` how it is read where it is one
    of radiographs, ``mark`` what lies in it otherwise, ``compose`` the plan that puts it together
    from others.
    """

    title: str
    folder: str
    layout: str
    where: str
    holds: str
    compose: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where our figure of a cell comes from; what is empty is said elsewhere, or nowhere."""

    recipe: str = ""
    label: str = ""
    metric: str = ""
    called: str = ""

    def over(self, other: "Source") -> "Source":
        """This one, and the other's where it says nothing."""
        return Source(
            recipe=self.recipe or other.recipe,
            label=self.label or other.label,
            metric=self.metric or other.metric,
            called=self.called or other.called,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its title, and what its cells have in common."""

    title: str
    recipe: str = ""
    label: str = ""
    metric: str = ""
    called: str = ""

    @property
    def source(self) -> Source:
        """What its cells have in common."""
        return Source(recipe=self.recipe, label=self.label, metric=self.metric, called=self.called)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row: its title, the printed values, and what its cells have in common."""

    title: str
    values: tuple[float, ...]
    recipe: str = ""
    label: str = ""

    @property
    def source(self) -> Source:
        """What its cells have in common."""
        return Source(recipe=self.recipe, label=self.label)


@dataclass(frozen=True, kw_only=True)
class PublishedTable:
    """One table. ``scale`` is what ours is multiplied by to be in the table's unit."""

    paper: int
    number: str
    title: str
    data: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    recipe: str = ""
    metric: str = ""
    scale: float = 1.0
    note: str = ""

    @property
    def name(self) -> str:
        """How the paper calls it."""
        kind = "" if self.number.startswith("Fig.") else "table "
        return f"Paper {self.paper}, {kind}{self.number}"

    def source(self, row: Row, column: Column) -> Source:
        """Where our figure of a cell comes from."""
        return column.source.over(row.source).over(Source(recipe=self.recipe, metric=self.metric))

    @cached_property
    def recipes(self) -> tuple[str, ...]:
        """What has to be trained, in the table's order."""
        found = (self.source(row, column) for row in self.rows for column in self.columns)
        return tuple(dict.fromkeys(one.recipe for one in found if one.recipe and one.metric))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A recipe that rests on another one's model, which other data are needed for."""

    recipe: str
    on: str
    data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """All of it."""

    data: Mapping[str, DataNeed]
    tables: tuple[PublishedTable, ...]
    rests: tuple[Rest, ...] = ()

    def rests_of(self, recipe: str) -> tuple[Rest, ...]:
        """What a recipe rests on."""
        return tuple(each for each in self.rests if each.recipe == recipe)

    def table(self, paper: int, number: str) -> PublishedTable:
        """One table, by the paper's number of it; Roman and Arabic numbers are the same.

        Raises
        ------
        RecipeError
            If the paper has no such table; the message names those that it has.
        """
        if paper in WITHOUT_TABLES:
            raise RecipeError(WITHOUT_TABLES[paper])
        of_paper = [each for each in self.tables if each.paper == paper]
        asked = number.strip().upper()
        for each in of_paper:
            if each.number.upper() in {asked, _ROMAN.get(asked, asked)}:
                return each
        if not of_paper:
            papers = sorted({each.paper for each in self.tables} | WITHOUT_TABLES.keys())
            raise RecipeError(f"there is no paper {paper}; give one of {papers[0]} to {papers[-1]}")
        known = ", ".join(each.number for each in of_paper)
        raise RecipeError(f"paper {paper} has no table {number or '(none given)'}; it has {known}")


def published() -> Published:
    """Read the tables."""
    text = (files("ai_engine.commands.papers") / "tables.toml").read_text("utf-8")
    return TypeAdapter(Published).validate_python(tomllib.loads(text))
