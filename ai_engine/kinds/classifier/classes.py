"""Classifiers of which one class holds: accuracy, precision, recall, F1 and confusion matrix.

Paper 2, section IV, prints the matrix and the accuracy; paper 1, table II, the others.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from ai_engine.inference.views import model_batch, model_view
from ai_engine.library.card import Label, Metric, ModelCard
from ai_engine.library.earned import AMONG_ABNORMAL, names_disease
from ai_engine.library.labels import NO_CLASS, OTHER
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


UNKNOWN_KINDS = "of no class"
"""The group of images that are of none of the model's classes: none of them should be answered."""

BY_PATIENT = "patients"
"""The group of figures in which each patient's images of one class count as one."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Called:
    """Each image's true and predicted class, its patient, and probabilities (images, classes).

    Of images that are of no class of the model, ``true`` is -1.
    """

    true: npt.NDArray[np.intp]
    predicted: npt.NDArray[np.intp]
    patients: tuple[str, ...]
    probabilities: npt.NDArray[np.float64]

    def of(self, rows: npt.NDArray[np.bool_]) -> "Called":
        """Some of the images."""
        return Called(
            true=self.true[rows],
            predicted=self.predicted[rows],
            patients=tuple(each for each, kept in zip(self.patients, rows, strict=True) if kept),
            probabilities=self.probabilities[rows],
        )


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
    every = called_images(card, backend, dataset, items)
    called = every.of(every.true >= 0)
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
        metrics=tuple(class_metrics(card.labels, every, split)),
        recipe=recipe,
        paper=PAPER_ACCURACY.get(recipe),
        published=PAPER_FIGURES.get(recipe, {}),
    )


def called_images(
    card: ModelCard, backend: Backend, dataset: CxrDataset, items: Iterable[CxrItem]
) -> Called:
    """Classify images as the model is served; those of several of its classes are left out."""
    names = tuple(label.name for label in card.labels)
    true, patients, rows = [], [], []
    for item in items:
        held = [index for index, name in enumerate(names) if name in item.labels]
        if len(held) > 1:
            continue
        view = model_view(card, as_radiograph(dataset, item)).values
        batch = model_batch(card, view[..., np.newaxis])
        true.append(held[0] if held else -1)
        patients.append(item.patient_id)
        rows.append(backend.predict(batch).probabilities.mean(axis=0))
    probabilities = np.array(rows, dtype=np.float64).reshape(-1, len(names))
    return Called(
        true=np.array(true, dtype=np.intp),
        predicted=probabilities.argmax(axis=1),
        patients=tuple(patients),
        probabilities=probabilities,
    )


def class_metrics(labels: Sequence[Label], called: Called, split: str) -> Iterator[Metric]:
    """All figures of images whose classes exclude each other, as cards hold them."""
    known = called.of(called.true >= 0)
    yield from _class_metrics(tuple(label.name for label in labels), known, split)
    yield from _among_abnormal(labels, known, split)
    yield from _of_patients(known, split)
    yield from _answers(labels, called, split)


def _of_patients(called: Called, split: str) -> Iterator[Metric]:
    """The share of right images, each patient's images of one class counting as one."""
    right: dict[tuple[str, int], list[bool]] = {}
    for patient, true, predicted in zip(
        called.patients, called.true, called.predicted, strict=True
    ):
        right.setdefault((patient, int(true)), []).append(bool(true == predicted))
    shares = np.array([np.mean(each) for each in right.values()])
    if len(shares) < 2:
        return
    drawn = np.random.default_rng(1).integers(len(shares), size=(2000, len(shares)))
    low, high = np.quantile(shares[drawn].mean(axis=1), (0.025, 0.975))
    yield Metric(
        name="accuracy",
        label="all",
        split=split,
        group=BY_PATIENT,
        images=len(shares),
        value=round(float(shares.mean()), 4),
        low=round(float(low), 4),
        high=round(float(high), 4),
    )


def _answers(labels: Sequence[Label], called: Called, split: str) -> Iterator[Metric]:
    """How often a class is answered, how often that is right, and what of no class is not."""
    thresholds = np.array([label.threshold for label in labels])
    sure = called.probabilities.max(axis=1) >= thresholds[called.predicted]
    other = [index for index, label in enumerate(labels) if label.name in NO_CLASS]
    answered = sure & ~np.isin(called.predicted, other)
    known = (called.true >= 0) & ~np.isin(called.true, other)
    right = answered & known & (called.true == called.predicted)
    for name, group, hits, of in (
        ("answered", "all", answered & known, known),
        ("accuracy", "answered", right, answered & known),
        ("refused", OTHER, ~answered & np.isin(called.true, other), np.isin(called.true, other)),
        ("refused", UNKNOWN_KINDS, ~answered & (called.true < 0), called.true < 0),
    ):
        if of.any():
            yield wilson(int(hits.sum()), int(of.sum())).as_metric(
                name, label="all", split=split, group=group, images=int(of.sum())
            )


def _class_metrics(names: tuple[str, ...], called: Called, split: str) -> Iterator[Metric]:
    """`FIGURES` of each class, with intervals by patients drawn with replacement."""
    at_half = measures(0.5)
    for index, label in enumerate(names):
        truth = called.true == index
        if truth.any() and not truth.all():
            chosen = (called.predicted == index).astype(np.float64)
            for name in FIGURES:
                interval = bootstrap(at_half[name], truth, chosen, called.patients)
                yield interval.as_metric(name, label=label, split=split, images=int(truth.sum()))


def _among_abnormal(labels: Sequence[Label], called: Called, split: str) -> Iterator[Metric]:
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
