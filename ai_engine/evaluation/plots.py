"""Pictures of an evaluation, as PNG."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from ai_engine.datasets.cxr import View
from ai_engine.evaluation.metrics import CALIBRATION_BINS
from ai_engine.evaluation.report import Confusion
from ai_engine.evaluation.scoring import ScoredSplit


def draw_roc(scored: ScoredSplit, label: str, path: Path) -> None:
    """Receiver operating characteristic over all images and within each view."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    truth, scores, known = scored.truth(label), scored.scores(label), scored.known(label)
    views = np.array([item.view for item in scored.items])
    groups = {"all": known} | {view.value: known & (views == view) for view in View}
    for name, rows in groups.items():
        if truth[rows].any() and not truth[rows].all():
            false_alarms, hits, _ = roc_curve(truth[rows], scores[rows])
            axes.plot(false_alarms, hits, label=f"{name} ({int(rows.sum())})")
    axes.plot([0, 1], [0, 1], color="0.7", linestyle=":")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title=label)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def draw_precision_recall(scored: ScoredSplit, label: str, threshold: float, path: Path) -> None:
    """Precision over recall, with the point where the model decides."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    known = scored.known(label)
    precision, recall, thresholds = precision_recall_curve(
        scored.truth(label)[known], scored.scores(label)[known]
    )
    axes.plot(recall, precision)
    chosen = min(int(np.searchsorted(thresholds, threshold)), len(thresholds) - 1)
    axes.plot(recall[chosen], precision[chosen], "o", label=f"threshold {threshold:.2f}")
    axes.set(xlabel="recall", ylabel="precision", title=label, xlim=(0, 1.02), ylim=(0, 1.02))
    axes.legend(loc="lower left")
    figure.savefig(path, dpi=110)


def draw_calibration(scored: ScoredSplit, label: str, path: Path) -> None:
    """How often the label is there, over how probable the model finds it."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    known = scored.known(label)
    truth, scores = scored.truth(label)[known], scored.scores(label)[known]
    bins = np.minimum((scores * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    points = [
        (float(scores[bins == index].mean()), float(truth[bins == index].mean()))
        for index in np.unique(bins)
    ]
    axes.plot([0, 1], [0, 1], color="0.7", linestyle=":")
    axes.plot(*zip(*points, strict=True), marker="o")
    axes.set(xlabel="mean probability", ylabel="share with the label", title=label)
    figure.savefig(path, dpi=110)


def draw_confusions(found: Sequence[Confusion], path: Path) -> None:
    """Each label's decisions as a table of counts, shaded by their share of the row."""
    columns = min(max(len(found), 1), 4)
    rows = max(-(-len(found) // columns), 1)
    figure = Figure(figsize=(3.4 * columns, 3.6 * rows), layout="constrained")
    places = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in places[len(found) :]:
        axes.set_axis_off()
    for axes, one in zip(places, found, strict=False):
        counts = np.array(
            [
                [one.true_positives, one.false_negatives],
                [one.false_positives, one.true_negatives],
            ]
        )
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for (row, column), count in np.ndenumerate(counts):
            color = "white" if shares[row, column] > 0.6 else "black"
            axes.text(column, row, str(count), ha="center", va="center", color=color, fontsize=14)
        axes.set(
            xticks=(0, 1), xticklabels=("called", "not called"),
            yticks=(0, 1), yticklabels=("has it", "has not"),
            title=f"{one.label}, threshold {one.threshold:.2f}",
        )  # fmt: skip
    figure.savefig(path, dpi=110)
