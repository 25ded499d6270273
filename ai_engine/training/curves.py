"""Pictures of training runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

History = Sequence[dict[str, Any]]

LOSSES = {"loss": "training", "valid_loss": "validation"}
OTHERS = ("stage", "size")
"""What an entry says of its epoch without having measured it."""


def draw_curves(history: History, path: Path) -> None:
    """Losses over the epochs, below them what else was measured, the learning rate; as PNG.

    Stages are shaded apart.
    """
    names = list(dict.fromkeys(name for entry in history for name in entry))
    measures = [name for name in names if name not in {*LOSSES, *OTHERS, "rate"}]
    panels = [list(LOSSES), measures, ["rate"] if "rate" in names else []]
    panels = [panel for panel in panels if panel]
    stages = list(dict.fromkeys(entry.get("stage") for entry in history))
    figure = Figure(figsize=(7, 2 + 2 * len(panels)), layout="constrained")
    column = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for axes, shown in zip(column, panels, strict=True):
        for name in shown:
            _line(axes, history, name)
        if axes.lines:
            axes.legend()
        axes.grid(alpha=0.3)
        for epoch, entry in enumerate(history, start=1):
            if stages.index(entry.get("stage")) % 2:
                axes.axvspan(epoch - 0.5, epoch + 0.5, color="0.93", zorder=0)
    column[0].set_ylabel("loss")
    if "rate" in names:
        column[-1].set_yscale("log")
    column[-1].set_xlabel("epoch")
    figure.savefig(path, dpi=110)


def _line(axes: Axes, history: History, name: str) -> None:
    points = [(epoch, entry[name]) for epoch, entry in enumerate(history, 1) if name in entry]
    if points:
        label = LOSSES.get(name, name.removeprefix("valid_").replace("_", " "))
        axes.plot(*zip(*points, strict=True), label=label, marker="." if len(points) == 1 else None)
