"""Classifiers of which one class holds: accuracy, precision, recall, F1 and confusion matrix.

Paper 2, section IV, prints the matrix and the accuracy; paper 1, table II, the others.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from rich.table import Table

from ai_engine.datasets.cxr import CxrDataset, CxrItem
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.errors import DatasetError
from ai_engine.inference.backend import Backend
from ai_engine.inference.views import model_view
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.library.earned import AMONG_ABNORMAL, names_disease
from ai_engine.measures.metrics import bootstrap, measures, wilson
from ai_engine.measures.report import SMALLEST_GROUP
from ai_engine.models.catalogue import architectures
from ai_engine.prediction import NO_FINDING

FIGURES = ("precision", "recall", "f1")

PAPER_ACCURACY = {"paper1-rsna": 0.950, "paper2-xray-or-not": 0.987, "paper2-type": 0.976}
"""Table II's overall quality of paper 1, and section IV of paper 2, by recipe."""

PAPER_FIGURES: Mapping[str, Mapping[str, tuple[float, float, float]]] = MappingProxyType(
    {
        "paper1-rsna": {"Normal": (0.947, 0.971, 0.959), "Pneumonia": (0.956, 0.919, 0.937)},
    }
)
"""`FIGURES` of each class by recipe: paper 1, table II."""

TITLES = {"paper1-rsna": "Paper 1, table II (RSNA)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassReport:
    """How often each class was taken for which: rows are true, columns predicted, as in fig. 3.

    ``metrics`` are `FIGURES` of each class that there are images of, ``published`` the paper's.
    """

    model: str
    split: str
    labels: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    accuracy: Metric
    metrics: tuple[Metric, ...]
    recipe: str
    paper: float | None
    published: Mapping[str, tuple[float, float, float]]

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Called:
    """Each image's true and predicted class, its patient, and probabilities (images, classes)."""

    true: npt.NDArray[np.intp]
    predicted: npt.NDArray[np.intp]
    patients: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]


def is_exclusive(card: ModelCard) -> bool:
    """Whether exactly one of a classifier's labels holds, as its card or its architecture says.

    Cards that were written before classes had codes have some without.
    """
    known = architectures().get(card.architecture)
    is_built_so = known is not None and known.exclusive
    return card.exclusive or is_built_so or any(label.code is None for label in card.labels)


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
    called = _call(card, backend, dataset, items)
    if not called.patients:
        raise DatasetError(
            f"{dataset.folder}: no image of the {split} part has one of the classes "
            f"{', '.join(names)}; give the data set that the model was trained on"
        )
    counts = np.zeros((len(names), len(names)), dtype=np.int64)
    np.add.at(counts, (called.true, called.predicted), 1)
    total = len(called.patients)
    recipe = card.recipe_name
    return ClassReport(
        model=card.identity.key,
        split=split,
        labels=names,
        confusion=tuple(tuple(int(count) for count in row) for row in counts),
        accuracy=wilson(int(np.trace(counts)), total).as_metric(
            "accuracy", label="all", split=split, images=total
        ),
        metrics=(
            *_class_metrics(names, called, split),
            *_among_abnormal(card.labels, called, split),
        ),
        recipe=recipe,
        paper=PAPER_ACCURACY.get(recipe),
        published=PAPER_FIGURES.get(recipe, {}),
    )


def _call(
    card: ModelCard, backend: Backend, dataset: CxrDataset, items: Iterable[CxrItem]
) -> _Called:
    names = tuple(label.name for label in card.labels)
    true, predicted, patients, rows = [], [], [], []
    for item in items:
        held = [index for index, name in enumerate(names) if name in item.labels]
        if len(held) == 1:
            view = model_view(card, as_radiograph(dataset, item)).values
            row = backend.predict(view[np.newaxis, ..., np.newaxis]).probabilities[0]
            true.append(held[0])
            predicted.append(int(row.argmax()))
            patients.append(item.patient_id)
            rows.append(row)
    return _Called(
        true=np.array(true, dtype=np.intp),
        predicted=np.array(predicted, dtype=np.intp),
        patients=tuple(patients),
        probabilities=np.array(rows, dtype=np.float64),
    )


def _class_metrics(names: tuple[str, ...], called: _Called, split: str) -> Iterable[Metric]:
    """`FIGURES` of each class, with intervals by patients drawn with replacement."""
    at_half = measures(0.5)
    for index, label in enumerate(names):
        truth = called.true == index
        if truth.any() and not truth.all():
            chosen = (called.predicted == index).astype(np.float64)
            for name in FIGURES:
                interval = bootstrap(at_half[name], truth, chosen, called.patients)
                yield interval.as_metric(name, label=label, split=split, images=int(truth.sum()))


def _among_abnormal(labels: Sequence[Label], called: _Called, split: str) -> Iterable[Metric]:
    """Whether a class is told from other abnormal images, by its share of theirs and its own."""
    normal = [index for index, label in enumerate(labels) if label.name in NO_FINDING]
    rows = np.flatnonzero(~np.isin(called.true, normal))
    patients = [called.patients[row] for row in rows]
    for index, label in enumerate(labels):
        truth = called.true[rows] == index
        is_measured = min(truth.sum(), (~truth).sum()) >= SMALLEST_GROUP
        if names_disease(label) and is_measured:
            auc = measures(label.threshold)["auc"]
            found = bootstrap(auc, truth, called.probabilities[rows, index], patients)
            yield found.as_metric(
                "auc", label=label.name, split=split, images=len(rows), group=AMONG_ABNORMAL
            )


def classes_table(report: ClassReport) -> Table:
    """The confusion matrix for a terminal: true by row, predicted by column."""
    table = Table("true", *report.labels)
    for name, counts in zip(report.labels, report.confusion, strict=True):
        table.add_row(name, *(str(count) for count in counts))
    return table


def figures_table(report: ClassReport) -> Table:
    """Precision, recall and F1 of each class, the paper's after each where it prints them."""
    title = TITLES.get(report.recipe)
    table = Table(title=f"{title}: ours, and the paper's after it" if title else None)
    table.add_column("class")
    table.add_column("images")
    for heading in ("precision", "recall", "F1"):
        table.add_column(f"{heading} (95 %)")
        if report.published:
            table.add_column("paper")
    found = {(metric.label, metric.name): metric for metric in report.metrics}
    for label, counts in zip(report.labels, report.confusion, strict=True):
        cells = [label, str(sum(counts))]
        for at, name in enumerate(FIGURES):
            cells.append(_interval(found.get((label, name))))
            if report.published:
                cells.append(f"{report.published[label][at]:.3f}")
        table.add_row(*cells)
    return table


def _interval(metric: Metric | None) -> str:
    if metric is None:
        return "–"
    return f"{metric.value:.3f} ({metric.low:.3f} to {metric.high:.3f})"


def accuracy_in_words(report: ClassReport) -> str:
    """The accuracy with its interval, and the paper's beside it."""
    found = report.accuracy
    words = f"Accuracy {found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
    return words if report.paper is None else f"{words}; the paper's {report.paper:.3f}"
