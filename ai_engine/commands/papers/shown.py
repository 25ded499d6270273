"""A paper's table for a terminal: each figure as printed, and ours after it."""

import math
from collections.abc import Sequence

from rich.box import SIMPLE
from rich.table import Table

from ai_engine.commands.papers.figures import Measured
from ai_engine.commands.papers.tables import DataNeed, Published, PublishedTable

WIDEST = 3
"""Columns beyond which a table is turned: one line for each figure."""


def shown_table(table: PublishedTable, ours: Sequence[Sequence[Measured | None]]) -> Table:
    """The table, one line a row; one line a cell where it has too many columns for that."""
    title = f"{table.name}: {table.title}"
    if len(table.columns) > WIDEST:
        return _by_cell(table, ours, title)
    shown = Table("", title=title, box=SIMPLE, padding=(0, 1, 0, 0))
    for column in table.columns:
        shown.add_column(column.title, justify="right", no_wrap=True)
        if _is_measured(table, ours, column.title):
            shown.add_column("ours (95 %)", justify="right")
    for row, figures in zip(table.rows, ours, strict=True):
        cells = [row.title]
        for column, paper, mine in zip(table.columns, row.values, figures, strict=True):
            cells.append(_printed(paper))
            if _is_measured(table, ours, column.title):
                cells.append("" if math.isnan(paper) else _ours(mine, table))
        shown.add_row(*cells)
    return shown


def listed(tables: Published) -> Table:
    """Every table there is, what it trains and what it needs."""
    shown = Table("Paper", "Table", "What", "Trains", "Needs", box=SIMPLE, padding=(0, 1, 0, 0))
    for each in tables.tables:
        need: DataNeed = tables.data[each.data]
        recipes = "\n".join(each.recipes) or "–"
        shown.add_row(str(each.paper), each.number, each.title, recipes, need.title)
    return shown


def _by_cell(table: PublishedTable, ours: Sequence[Sequence[Measured | None]], title: str) -> Table:
    shown = Table("", "", title=title, box=SIMPLE, padding=(0, 1, 0, 0))
    for heading in ("paper", "ours (95 %)"):
        shown.add_column(heading, justify="right")
    for row, figures in zip(table.rows, ours, strict=True):
        first = row.title
        for column, paper, mine in zip(table.columns, row.values, figures, strict=True):
            shown.add_row(first, column.title, _printed(paper), _ours(mine, table))
            first = ""
        shown.add_section()
    return shown


def _is_measured(
    table: PublishedTable, ours: Sequence[Sequence[Measured | None]], title: str
) -> bool:
    """Whether a column could have figures of ours: some are printed for comparison only."""
    at = [column.title for column in table.columns].index(title)
    return any(table.source(row, table.columns[at]).metric for row in table.rows) and bool(ours)


def _printed(value: float) -> str:
    if math.isnan(value):
        return ""
    return f"{value:.0f}" if value == int(value) and abs(value) > 1 else f"{value:.3f}"


def _ours(mine: Measured | None, table: PublishedTable) -> str:
    return "–" if mine is None else mine.in_words(table.scale)
