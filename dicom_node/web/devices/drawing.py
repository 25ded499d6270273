"""The figures of the device pages, drawn as SVG in the pages' colours and their reader's words."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np

from ai_engine.calibration.cases import LabelCases
from ai_engine.calibration.operating_point import OperatingPoint
from ai_engine.drift.agreement import Period

# Says words of the node in the language of whoever looks.
Say = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Colours:
    """The colours of the pages, as their style sheet has them."""

    surface: str
    line: str
    text: str
    words: str
    accent: str
    warm: str
    good: str


DARK = Colours(
    surface="#13181d",
    line="#2b343d",
    text="#dbe2e8",
    words="#9aa7b3",
    accent="#6fb3e8",
    warm="#e3b45c",
    good="#7cc7a0",
)
LIGHT = Colours(
    surface="#ffffff",
    line="#ccd4dc",
    text="#17202a",
    words="#51606e",
    accent="#12609c",
    warm="#855300",
    good="#1b6e45",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """For whom a figure is drawn: in which words, and in which colours."""

    say: Say
    colours: Colours = DARK


_SIZE = (4.6, 3.9)
_BINS = 8
# Places of a legend, by the numbers that matplotlib gives them.
_UPPER_LEFT, _LOWER_RIGHT, _LOWER_CENTER = 2, 4, 8
_STEPS = 201
_MOST_NAMED_WEEKS, _HALF_A_WEEK = 14, timedelta(days=4)


def roc(cases: LabelCases, point: OperatingPoint, parent: OperatingPoint, look: Look) -> bytes:
    """ROC of some cases, with the thresholds of device and parent on it."""
    thresholds = np.concatenate([[np.inf], np.sort(np.unique(cases.scores))[::-1]])
    found = [_rates(cases, threshold) for threshold in thresholds]
    with _axes(look) as (axes, result):
        axes.plot([0, 1], [0, 1], color=look.colours.line, lw=1)
        axes.plot(
            [each[1] for each in found],
            [each[0] for each in found],
            color=look.colours.accent,
            lw=1.8,
        )
        # The parent's is a ring, so that it is seen where both are the same.
        for used, colour, name, style in (
            (parent, look.colours.warm, look.say("Parent"), {"ms": 12, "mfc": "none", "mew": 1.8}),
            (point, look.colours.good, look.say("In use"), {"ms": 7}),
        ):
            sensitivity, alarms = _rates(cases, used.score_threshold)
            axes.plot([alarms], [sensitivity], "o", color=colour, label=name, **style)
        axes.set_xlabel(look.say("False alarms (1 − specificity)"))
        axes.set_ylabel(look.say("Sensitivity"))
        axes.legend(frameon=False, labelcolor=look.colours.text, loc=_LOWER_RIGHT)
    return result.getvalue()


def reliability(cases: LabelCases, point: OperatingPoint, look: Look) -> bytes:
    """How often a finding is there, by its probability before and after the device's map.

    Bins hold equally many cases; a bin's bar is as long as chance may move it (one standard error).
    """
    with _axes(look) as (axes, result):
        axes.plot([0, 1], [0, 1], color=look.colours.line, lw=1)
        mapped = point.probability_map.apply(cases.scores)
        for values, colour, name in (
            (cases.scores, look.colours.warm, look.say("The model's own")),
            (mapped, look.colours.good, look.say("Calibrated")),
        ):
            said, seen, error = zip(*_binned(values, cases), strict=True)
            axes.errorbar(
                said,
                seen,
                yerr=error,
                color=colour,
                lw=1.4,
                marker="o",
                ms=5,
                capsize=2,
                label=name,
            )
        axes.set_xlabel(look.say("Probability"))
        axes.set_ylabel(look.say("Share with the finding"))
        axes.legend(frameon=False, labelcolor=look.colours.text, loc=_UPPER_LEFT)
    return result.getvalue()


def thresholds(cases: LabelCases, point: OperatingPoint, look: Look) -> bytes:
    """F1, sensitivity and specificity over the threshold, on the scale that reports show."""
    grid = np.linspace(0, 1, _STEPS)
    mapped = point.probability_map.apply(cases.scores)
    called = mapped[np.newaxis] >= grid[:, np.newaxis]
    hits = (called & cases.truth).sum(axis=1)
    curves = {
        "F1": (2 * hits / np.maximum(called.sum(axis=1) + cases.positives, 1), look.colours.good),
        look.say("Sensitivity"): (hits / cases.positives, look.colours.accent),
        look.say("Specificity"): (
            (~called & ~cases.truth).sum(axis=1) / cases.negatives,
            look.colours.warm,
        ),
    }
    with _axes(look) as (axes, result):
        for name, (values, colour) in curves.items():
            axes.plot(grid, values, color=colour, lw=1.6, label=name)
        axes.axvline(point.threshold, color=look.colours.text, lw=1, ls="--")
        axes.set_xlabel(look.say("Threshold (dashed: in use)"))
        axes.legend(
            frameon=False, labelcolor=look.colours.text, loc=_LOWER_CENTER, ncols=3, fontsize=8
        )
    return result.getvalue()


def acceptance(periods: Sequence[Period], floor: float, look: Look) -> bytes:
    """The share of accepted verdicts by week, with intervals, and the floor."""
    with _axes(look, size=(7.6, 2.9), both=False) as (axes, result):
        days = [period.start for period in periods]
        values = np.array([period.rate.value for period in periods])
        low = values - [period.rate.low for period in periods]
        high = np.array([period.rate.high for period in periods]) - values
        axes.errorbar(
            days,
            values,
            yerr=[low, high],
            color=look.colours.good,
            lw=1.4,
            marker="o",
            ms=5,
            capsize=2,
        )
        if floor:
            axes.axhline(floor, color=look.colours.warm, lw=1, ls="--")
        axes.set_ylabel(look.say("Verdicts accepted"))
        if len(days) <= _MOST_NAMED_WEEKS:
            axes.set_xticks(days)
            axes.set_xlim(days[0] - _HALF_A_WEEK, days[-1] + _HALF_A_WEEK)
        axes.tick_params(axis="x", rotation=30, labelsize=8)
    return result.getvalue()


def _rates(cases: LabelCases, threshold: float) -> tuple[float, float]:
    """Sensitivity, and the share of false alarms."""
    called = cases.scores >= threshold
    return float(called[cases.truth].mean()), float(called[~cases.truth].mean())


def _binned(values: Any, cases: LabelCases) -> Iterator[tuple[float, float, float]]:
    order = np.argsort(values, kind="stable")
    for part in np.array_split(order, min(_BINS, max(len(order) // 5, 1))):
        share = float(cases.truth[part].mean())
        error = float(np.sqrt(share * (1 - share) / len(part)))
        yield float(values[part].mean()), share, error


@contextmanager
def _axes(
    look: Look, *, size: tuple[float, float] = _SIZE, both: bool = True
) -> Iterator[tuple[Any, io.BytesIO]]:
    """Axes from 0 to 1 to draw on; the SVG is in the buffer afterwards."""
    # Costs half a second and 30 MB: only who looks at a figure pays for it.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=size, layout="constrained", facecolor=look.colours.surface)
    axes = figure.subplots()
    axes.set_facecolor(look.colours.surface)
    axes.set_ylim(-0.02, 1.02)
    if both:
        axes.set_xlim(-0.02, 1.02)
    axes.tick_params(colors=look.colours.words)
    axes.xaxis.label.set_color(look.colours.words)
    axes.yaxis.label.set_color(look.colours.words)
    axes.grid(color=look.colours.line, lw=0.5)
    for spine in axes.spines.values():
        spine.set_color(look.colours.line)
    result = io.BytesIO()
    yield axes, result
    figure.savefig(result, format="svg", metadata={"Date": None})
