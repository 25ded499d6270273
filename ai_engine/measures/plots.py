"""Pictures of an evaluation, as PNG: one panel for each label."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from sklearn.metrics import auc as area_under
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_curve

from ai_engine.datasets.cxr import View
from ai_engine.library.card import Label, Metric
from ai_engine.measures.metrics import CALIBRATION_BINS, calibration_error, wilson
from ai_engine.measures.report import Confusion
from ai_engine.measures.scored import ScoredSplit

_MOST_COLUMNS = 4
_SIDE = 4.2
_COLORS = {
    "all": "#1b4f8a",
    "AP": "#d9772b",
    "PA": "#3a8f5c",
    "lateral": "#8a5aa8",
    "decision": "#c0392b",
}
_CHANCE = {"color": "0.6", "linestyle": ":", "linewidth": 1}
_BAR_HEIGHT = 0.18
"""How high the fullest bin's bar is drawn, as a share of the axis."""


def draw_roc(
    scored: ScoredSplit, labels: Sequence[Label], path: Path, metrics: Sequence[Metric] = ()
) -> None:
    """Receiver operating characteristics over all images and within each view.

    The dot is where the model decides; intervals are taken from ``metrics`` where they are there.
    """
    with_panels = _Panels(len(labels))
    for axes, label in zip(with_panels.axes, labels, strict=True):
        axes.plot([0, 1], [0, 1], **_CHANCE)
        drawn = False
        for group, truth, scores in _groups(scored, label.name):
            if not truth.any() or truth.all():
                continue
            drawn = True
            false_alarms, hits, _ = roc_curve(truth, scores)
            words = _figure(metrics, "auc", label.name, group, area_under(false_alarms, hits))
            color = _COLORS.get(group, "0.3")
            axes.plot(
                false_alarms,
                hits,
                color=color,
                linewidth=2 if group == "all" else 1.2,
                label=f"{group}: {words}, {len(truth)} images",
            )
            called = scores >= label.threshold
            place = (called[~truth].mean(), called[truth].mean())
            axes.plot(*place, "o", color=color, markersize=7 if group == "all" else 5)
        axes.set(xlabel="1 − specificity", ylabel="sensitivity", title=label.title)
        _finish(axes, drawn=drawn, place="lower right", title="area under the curve")
    with_panels.save(path)


def draw_precision_recall(
    scored: ScoredSplit, labels: Sequence[Label], path: Path, metrics: Sequence[Metric] = ()
) -> None:
    """Precision over recall, with the point where the model decides and what chance would give."""
    with_panels = _Panels(len(labels))
    for axes, label in zip(with_panels.axes, labels, strict=True):
        truth, scores = _known(scored, label.name)
        drawn = bool(truth.any())
        if drawn:
            precision, recall, _ = precision_recall_curve(truth, scores)
            average = float(average_precision_score(truth, scores))
            words = _figure(metrics, "average_precision", label.name, "all", average)
            style = {"color": _COLORS["all"], "linewidth": 2}
            axes.plot(recall, precision, **style, label=f"average precision {words}")
            called = scores >= label.threshold
            if called.any():
                place = (called[truth].mean(), truth[called].mean())
                words = f"threshold {label.threshold:.2f}"
                axes.plot(*place, "o", color=_COLORS["decision"], label=words)
            share = float(truth.mean())
            axes.axhline(share, **_CHANCE, label=f"chance: {share:.2f} have it")
        axes.set(xlabel="recall", ylabel="precision", title=label.title)
        _finish(axes, drawn=drawn, place="lower left")
    with_panels.save(path)


def draw_calibration(
    scored: ScoredSplit, labels: Sequence[Label], path: Path, metrics: Sequence[Metric] = ()
) -> None:
    """How often the label is there, over how probable the model finds it.

    Lines through the points are 95 % intervals (Wilson); bars show how the images are spread.
    """
    with_panels = _Panels(len(labels))
    for axes, label in zip(with_panels.axes, labels, strict=True):
        truth, scores = _known(scored, label.name)
        axes.plot([0, 1], [0, 1], **_CHANCE)
        if len(truth):
            _add_bins(axes, truth, scores)
            error = calibration_error(truth, scores)
            words = _figure(metrics, "calibration_error", label.name, "all", error)
            axes.set_title(f"{label.title}\ncalibration error {words}")
        axes.set(xlabel="mean probability", ylabel="share with the label")
        _finish(axes, drawn=bool(len(truth)))
    with_panels.explain("points: found, with 95 % intervals; bars: how the images are spread")
    with_panels.save(path)


def draw_confusions(found: Sequence[Confusion], path: Path) -> None:
    """Each label's decisions as a table of counts, shaded by their share of the row."""
    with_panels = _Panels(len(found), side=3.5)
    for axes, one in zip(with_panels.axes, found, strict=True):
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
            axes.text(
                column, row, f"{count}\n{shares[row, column]:.0%}", ha="center", va="center",
                color=color, fontsize=13,
            )  # fmt: skip
        axes.set(
            xticks=(0, 1), xticklabels=("positive", "negative"), xlabel="the model says",
            yticks=(0, 1), yticklabels=("present", "absent"), ylabel="the data set says",
            title=f"{one.label}, threshold {one.threshold:.2f}",
        )  # fmt: skip
        axes.tick_params(length=0)
    with_panels.save(path)


class _Panels:
    """A figure with one square panel for each label."""

    def __init__(self, count: int, *, side: float = _SIDE) -> None:
        columns = min(max(count, 1), _MOST_COLUMNS)
        rows = max(-(-count // columns), 1)
        spaced = ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1)
        self._figure = Figure(figsize=(side * columns, side * rows), layout=spaced)
        places: list[Any] = list(self._figure.subplots(rows, columns, squeeze=False).flat)
        for axes in places[count:]:
            axes.set_axis_off()
        self.axes = places[:count]

    def explain(self, words: str) -> None:
        self._figure.supxlabel(words, fontsize=8, color="0.3")

    def save(self, path: Path) -> None:
        self._figure.savefig(path, dpi=110)


def _finish(axes: Any, *, drawn: bool, place: str = "", title: str = "") -> None:
    """Scales and legend, or the words that there is nothing to draw."""
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), box_aspect=1)
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    if not drawn:
        axes.text(0.5, 0.5, "no images with and without it", ha="center", backgroundcolor="white")
    elif place:
        axes.legend(loc=place, fontsize=8, title=title or None, title_fontsize=8)


def _add_bins(axes: Any, truth: npt.NDArray[np.bool_], scores: npt.NDArray[np.float64]) -> None:
    bins = np.minimum((scores * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    used = np.unique(bins)
    counts = np.array([(bins == index).sum() for index in used])
    means = np.array([scores[bins == index].mean() for index in used])
    shares = [wilson(int(truth[bins == index].sum()), int((bins == index).sum())) for index in used]
    values = np.array([each.value for each in shares])
    spread = np.array([[each.value - each.low, each.high - each.value] for each in shares]).T
    middles = (used + 0.5) / CALIBRATION_BINS
    heights = counts / counts.max() * _BAR_HEIGHT
    axes.bar(middles, heights, width=0.9 / CALIBRATION_BINS, color="0.87")
    axes.errorbar(
        means, values, yerr=np.maximum(spread, 0), color=_COLORS["all"], marker="o", capsize=2,
        elinewidth=1,
    )  # fmt: skip


def _groups(
    scored: ScoredSplit, label: str
) -> Iterator[tuple[str, npt.NDArray[np.bool_], npt.NDArray[np.float64]]]:
    """All images that somebody decided on, then those of each view."""
    truth, scores, known = scored.truth(label), scored.scores(label), scored.known(label)
    yield "all", truth[known], scores[known]
    views = np.array([item.view for item in scored.items])
    for view in View:
        rows = known & (views == view)
        if not rows[known].all():
            yield view.value, truth[rows], scores[rows]


def _known(
    scored: ScoredSplit, label: str
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.float64]]:
    known = scored.known(label)
    return scored.truth(label)[known], scored.scores(label)[known]


def _figure(metrics: Sequence[Metric], name: str, label: str, group: str, value: float) -> str:
    """A figure, with its interval where it was measured."""
    for each in metrics:
        if (each.name, each.label, each.group) == (name, label, group):
            return f"{each.value:.2f} ({each.low:.2f}–{each.high:.2f})"
    return f"{value:.2f}"
