"""Pictures of an evaluation, as PNG."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from ai_engine.datasets.cxr import View
from ai_engine.evaluation.metrics import CALIBRATION_BINS
from ai_engine.evaluation.scoring import ScoredSplit


def draw_roc(scored: ScoredSplit, label: str, path: Path) -> None:
    """Receiver operating characteristic over all images and within each view."""
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    truth, scores = scored.truth(label), scored.scores(label)
    views = np.array([item.view for item in scored.items])
    groups = {"all": np.ones(len(views), dtype=np.bool_)}
    groups |= {view.value: views == view for view in View}
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
    precision, recall, thresholds = precision_recall_curve(
        scored.truth(label), scored.scores(label)
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
    truth, scores = scored.truth(label), scored.scores(label)
    bins = np.minimum((scores * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    points = [
        (float(scores[bins == index].mean()), float(truth[bins == index].mean()))
        for index in np.unique(bins)
    ]
    axes.plot([0, 1], [0, 1], color="0.7", linestyle=":")
    axes.plot(*zip(*points, strict=True), marker="o")
    axes.set(xlabel="mean probability", ylabel="share with the label", title=label)
    figure.savefig(path, dpi=110)
