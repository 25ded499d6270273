"""Classifiers of which one class holds: accuracy and confusion matrix (paper 2, section IV)."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.table import Table

from ai_engine.cards import Metric, ModelCard
from ai_engine.datasets.cxr import CxrDataset, CxrItem
from ai_engine.errors import DatasetError
from ai_engine.evaluation.guard import wilson
from ai_engine.evaluation.scoring import as_radiograph
from ai_engine.inference.backend import Backend
from ai_engine.preprocessing.geometry import letterbox

PAPER_ACCURACY = {"paper2-xray-or-not": 0.987, "paper2-type": 0.976}
"""Section IV of paper 2, by recipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassReport:
    """How often each class was taken for which: rows are true, columns predicted, as in fig. 3."""

    model: str
    split: str
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    accuracy: Metric
    paper: float | None

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def is_exclusive(card: ModelCard) -> bool:
    """Whether a classifier's labels are classes, which no report has codes for."""
    return any(label.code is None for label in card.labels)


def evaluate_classes(
    card: ModelCard, backend: Backend, dataset: CxrDataset, items: Iterable[CxrItem], split: str
) -> ClassReport:
    """Classify every item that has one of the model's classes, as the model is served.

    Raises
    ------
    DatasetError
        If no item has any.
    """
    names = tuple(label.name for label in card.labels)
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    for item in items:
        true = [index for index, name in enumerate(names) if name in item.labels]
        if len(true) == 1:
            image = as_radiograph(dataset, item)
            view = letterbox(image.pixels, size=card.input_size, content=image.content).values
            row = backend.predict(view[np.newaxis, ..., np.newaxis]).probabilities[0]
            counts[true[0], int(row.argmax())] += 1
    total = int(counts.sum())
    if not total:
        raise DatasetError(
            f"{dataset.folder}: no image of the {split} part has one of the classes "
            f"{', '.join(names)}; give the data set that the model was trained on"
        )
    share = wilson(int(np.trace(counts)), total)
    recipe = card.recipe.split(",", maxsplit=1)[0]
    return ClassReport(
        model=card.identity.key,
        split=split,
        labels=names,
        confusion=tuple(tuple(int(count) for count in row) for row in counts),
        accuracy=Metric(
            name="accuracy",
            label="all",
            split=split,
            group="all",
            images=total,
            value=round(share.value, 4),
            low=round(share.low, 4),
            high=round(share.high, 4),
        ),
        paper=PAPER_ACCURACY.get(recipe),
    )


def classes_table(report: ClassReport) -> Table:
    """The confusion matrix for a terminal: true by row, predicted by column."""
    table = Table("true", *report.labels)
    for name, counts in zip(report.labels, report.confusion, strict=True):
        table.add_row(name, *(str(count) for count in counts))
    return table


def accuracy_in_words(report: ClassReport) -> str:
    """The accuracy with its interval, and the paper's beside it."""
    found = report.accuracy
    words = f"Accuracy {found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
    return words if report.paper is None else f"{words}; the paper's {report.paper:.3f}"
