"""A picture of a comparison."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ai_engine.commands.comparison.paired import PairedResult
from ai_engine.commands.comparison.report import Comparison
from ai_engine.commands.comparison.standing import Standing

_COLOURS = {
    Standing.BETTER: "tab:green",
    Standing.WORSE: "tab:red",
    Standing.NO_DIFFERENCE: "0.45",
    Standing.TOO_FEW: "0.75",
}


def draw_comparison(comparison: Comparison, path: Path) -> None:
    """Both AUCs of each device and label, and the difference with its interval, as PNG."""
    shown = [each for each in comparison.results if each.difference is not None]
    figure = Figure(figsize=(10, 1.6 + 0.5 * max(len(shown), 1)), layout="constrained")
    aucs, differences = figure.subplots(1, 2, sharey=True)
    _draw_aucs(aucs, shown)
    for row, each in enumerate(shown):
        found = each.difference
        if found is not None:
            colour = _COLOURS[each.standing]
            differences.plot([found.low, found.high], [row, row], color=colour, linewidth=3)
            differences.plot(found.value, row, "o", color=colour)
    differences.axvline(0, color="0.2", linewidth=1)
    differences.set_xlabel("difference, paired 95 % interval")
    names = [f"{comparison.title(each.device)}, {each.label} ({each.cases})" for each in shown]
    aucs.set_yticks(range(len(shown)), names)
    aucs.invert_yaxis()
    for axes in (aucs, differences):
        axes.grid(axis="x", alpha=0.3)
    if shown:
        figure.legend(loc="outside lower right", ncols=2)
    figure.suptitle(f"{comparison.candidate} beside {comparison.champion}")
    figure.savefig(path, dpi=110)


def _draw_aucs(axes: Any, shown: Sequence[PairedResult]) -> None:
    for offset, name, colour in (
        (-0.14, "champion", "tab:blue"),
        (0.14, "candidate", "tab:orange"),
    ):
        for row, each in enumerate(shown):
            figures = each.champion if name == "champion" else each.candidate
            if figures is not None:
                auc = figures.auc
                axes.plot([auc.low, auc.high], [row + offset] * 2, color=colour, linewidth=3)
                axes.plot(auc.value, row + offset, "o", color=colour, label=None if row else name)
    axes.set_xlabel("AUC with 95 % interval")
