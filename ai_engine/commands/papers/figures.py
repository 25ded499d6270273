"""Our figures of a table's cells, out of what evaluations have written."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_engine.commands.papers.tables import Source
from ai_engine.datasets.cxr import CxrDataset
from ai_engine.library.card import ModelCard

Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A figure of ours with its 95 % interval; NaN where a figure has none."""

    value: float
    low: float = math.nan
    high: float = math.nan

    def in_words(self, scale: float) -> str:
        """The figure in a table's unit, and its interval."""
        if math.isnan(self.low):
            value = self.value * scale
            return f"{value:.0f}" if value == int(value) and abs(value) > 1 else f"{value:.3f}"
        digits = 3 if scale == 1 else 1
        low, value, high = (one * scale for one in (self.low, self.value, self.high))
        return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def measured_in(folder: Path, card: ModelCard, source: Source) -> Measured | None:
    """The figure that an evaluation in ``folder`` gives a cell; None where it gives none.

    A label that there were too few images of has no figure.
    """
    report = _read(folder / "report.json")
    match source.metric:
        case "threshold":
            return _threshold(card, source.label)
        case "mean auc":
            return _mean_auc(report, card)
        case "f1 at 0.5":
            return _plain_f1(_read(folder / "paper_table.json"), source.label)
        case "called" | "right":
            return _counted(folder, report, source)
        case _:
            return _stated(report, source)


def counted_in(dataset: CxrDataset, label: str) -> Measured:
    """How many images of a data set have a label."""
    return Measured(value=sum(label in item.labels for item in dataset.items))


def _stated(report: Figures, source: Source) -> Measured | None:
    """A figure as it stands in a report: of a label, of all together, or of a CT model."""
    wanted = source.metric, source.label or "all", "all"
    for one in report.get("metrics", ()):
        if (one["name"], one["label"], one["group"]) == wanted:
            return Measured(value=one["value"], low=one["low"], high=one["high"])
    for one in report.get("figures", ()):
        if one["name"] == source.metric:
            return Measured(value=one["value"], low=one["low"], high=one["high"])
    return None


def _threshold(card: ModelCard, label: str) -> Measured | None:
    found = [one.threshold for one in card.labels if one.name == label]
    return Measured(value=found[0]) if found else None


def _mean_auc(report: Figures, card: ModelCard) -> Measured | None:
    """The mean over all labels; None where one was not measured, as it would mean another."""
    found = {
        one["label"]: one["value"]
        for one in report.get("metrics", ())
        if one["name"] == "auc" and one["group"] == "all"
    }
    names = [label.name for label in card.labels]
    if any(name not in found for name in names):
        return None
    return Measured(value=sum(found[name] for name in names) / len(names))


def _plain_f1(table: Figures, label: str) -> Measured | None:
    for row in table.get("rows", ()):
        if row["label"] == label and row["f1"] is not None:
            return Measured(value=row["f1"])
    return None


def _counted(folder: Path, report: Figures, source: Source) -> Measured | None:
    if "studies" in report:
        return _studies(report, source)
    classes = _read(folder / "classes.json")
    labels = classes.get("labels", [])
    called = source.called or source.label
    if source.label not in labels or called not in labels:
        return None
    row = classes["confusion"][labels.index(source.label)]
    return Measured(value=row[labels.index(called)])


def _studies(report: Figures, source: Source) -> Measured | None:
    """Studies with (grade 1 and more) or without lesions, as they were called."""
    if source.label == "all":
        return None
    wanted = source.label == "positive", source.called == "positive"
    found = [
        (one["stated"] > 0, one["measured"] > 0)
        for one in report["studies"]
        if one["measured"] is not None
    ]
    return Measured(value=found.count(wanted))


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
