"""What an evaluation of a model is told, and what becomes of its report, whatever the kind."""

import dataclasses
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import track
from rich.table import Table

from ai_engine.datasets.cxr import CxrDataset, Split
from ai_engine.datasets.layouts import AUTO, read_dataset
from ai_engine.inference.backend import Backend
from ai_engine.kinds.loading import Loading
from ai_engine.library.card import Metric, ModelCard, write_card
from ai_engine.measures.failures import draw_failures, write_failures
from ai_engine.measures.paper3_table import TABLE_1, OurRow, add_row, table_1
from ai_engine.measures.paper_tables import (
    means_in_words,
    paper_rows,
    rich_table,
    table_of,
    write_rows,
)
from ai_engine.measures.plots import (
    draw_calibration,
    draw_confusions,
    draw_precision_recall,
    draw_roc,
)
from ai_engine.measures.report import EvaluationReport, confusions
from ai_engine.measures.scored import ScoredSplit

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One evaluation: the model, the data, and where its results go.

    Attributes
    ----------
    loading
        The model, and the models that make its channels.
    data
        Folder of a data set, in the layout that the kind reads.
    out
        Where the report and the pictures go.
    split
        The part that is measured.
    layout
        The data set's layout.
    objects
        Folder of DICOM files that a guard is asked about one by one.
    given
        Runs the model instead of OpenVINO in float32.
    console
        Where progress and tables are shown; None shows nothing.
    """

    loading: Loading
    data: Path
    out: Path
    split: Split = Split.TEST
    layout: str = AUTO
    objects: Path | None = None
    given: Backend | None = None
    console: Console | None = None

    @property
    def card(self) -> ModelCard:
        """The model's card."""
        return self.loading.card

    @cached_property
    def backend(self) -> Backend:
        """What runs the model."""
        return self.given or self.loading.backend()

    @cached_property
    def dataset(self) -> CxrDataset:
        """The data set, read once.

        Raises
        ------
        DatasetError
            If it can't be used as it is.
        """
        return read_dataset(self.data, self.layout)

    def shown(self, items: Iterable[Item], words: str) -> Iterator[Item]:
        """The items, with a progress bar where there is a console."""
        yield from track(items, words, console=self.console, disable=self.console is None)

    def say(self, *shown: Table | str) -> None:
        """Show tables and sentences where there is a console."""
        if self.console is not None:
            for each in shown:
                self.console.print(each, highlight=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What models are compared by. NaN is what was not measured."""

    accuracy: float = math.nan
    auc: float = math.nan
    auc_low: float = math.nan
    auc_high: float = math.nan


class Report(Protocol):
    """What an evaluation found."""

    @property
    def split(self) -> str:
        """The part that was measured."""
        ...

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The figures that the model's card may hold."""
        ...

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        ...

    def shown(self) -> tuple[Table | str, ...]:
        """Tables and sentences for a terminal."""
        ...


def layout_for(card: ModelCard, layout: str) -> str:
    """The layout to read a data set by: where none is asked for, the one that the card names."""
    return card.layout if layout == AUTO and card.layout else layout


def draw(asked: Evaluation, scored: ScoredSplit, report: EvaluationReport) -> None:
    """Draw the curves and tables of a classifier's labels into the evaluation's folder."""
    labels, out = asked.card.labels, asked.out
    draw_roc(scored, labels, out / "roc.png", report.metrics)
    draw_precision_recall(scored, labels, out / "precision_recall.png", report.metrics)
    draw_calibration(scored, labels, out / "calibration.png", report.metrics)
    draw_confusions(confusions(scored, labels), out / "confusion.png")
    write_failures(scored, labels, out / "failures.csv")
    draw_failures(asked.dataset, scored, labels, out / "failures.png")


def beside_the_paper(asked: Evaluation, scored: ScoredSplit) -> None:
    """Print and keep the paper's table with our column, where a paper's recipe made the model."""
    card = asked.card
    table = table_of(card)
    if table is None:
        return
    rows = paper_rows(table, scored, card)
    write_rows(table, rows, asked.out / "paper_table.json")
    asked.say(rich_table(table, rows), means_in_words(rows))
    if card.recipe_name in TABLE_1:
        found = {row.label: row.auc.value for row in rows if row.auc is not None}
        together = add_row(
            asked.out,
            recipe=card.recipe_name,
            row=OurRow(model=card.identity.key, aucs=found),
            measured_on=f"{asked.dataset.name}, {asked.split}",
        )
        asked.say(table_1(together))


def record_metrics(card: ModelCard, report: Report) -> ModelCard:
    """Put a report's figures into a card's file, in place of older ones of the same split."""
    kept = tuple(metric for metric in card.metrics if metric.split != report.split)
    measured = "" if card.runs_elsewhere else card.weights_digest
    updated = dataclasses.replace(card, metrics=(*kept, *report.metrics), figures_of=measured)
    write_card(updated)
    return updated
