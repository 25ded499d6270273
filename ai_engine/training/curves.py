"""Pictures of training runs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw_curves(history: Sequence[dict[str, Any]], path: Path) -> None:
    """Training loss and validation AUC over the epochs, stages shaded apart, as PNG."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    loss_axes, auc_axes = figure.subplots(2, 1, sharex=True)
    epochs = range(1, len(history) + 1)
    loss_axes.plot(epochs, [entry["loss"] for entry in history], color="tab:blue")
    loss_axes.set_ylabel("training loss")
    measured = [
        (epoch, entry["valid_auc"])
        for epoch, entry in zip(epochs, history, strict=True)
        if "valid_auc" in entry
    ]
    if measured:
        auc_axes.plot(*zip(*measured, strict=True), color="tab:green", marker=".")
    auc_axes.set_ylabel("validation AUC")
    auc_axes.set_xlabel("epoch")
    for axes in (loss_axes, auc_axes):
        axes.grid(alpha=0.3)
        for epoch, entry in zip(epochs, history, strict=True):
            if entry["stage"] % 2:
                axes.axvspan(epoch - 0.5, epoch + 0.5, color="0.93", zorder=0)
    figure.savefig(path, dpi=110)


def draw_losses(history: Sequence[dict[str, Any]], path: Path) -> None:
    """Training and validation loss over the epochs, and the learning rate below, as PNG."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    loss_axes, rate_axes = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    epochs = range(1, len(history) + 1)
    for name, words in (("loss", "training"), ("valid_loss", "validation")):
        points = [
            (epoch, entry[name])
            for epoch, entry in zip(epochs, history, strict=True)
            if name in entry
        ]
        if points:
            loss_axes.plot(*zip(*points, strict=True), label=words)
    loss_axes.set_ylabel("loss")
    loss_axes.legend()
    rate_axes.plot(epochs, [entry["rate"] for entry in history], color="0.4")
    rate_axes.set(xlabel="epoch", ylabel="learning rate", yscale="log")
    for axes in (loss_axes, rate_axes):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
