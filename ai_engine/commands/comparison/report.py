"""The report of a comparison: JSON for programs, words and a table for people."""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.table import Table

from ai_engine.commands.comparison.paired import ALL_DEVICES, PairedResult
from ai_engine.commands.comparison.standing import JSON_NAME, Standing

TEXT_NAME = "comparison.md"
PLOT_NAME = "comparison.png"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A candidate beside the champion, on cases that neither was trained on.

    ``titles`` says what the devices are. ``notes`` holds what limits the comparison, for example
    cases that had to be left out.
    """

    champion: str
    candidate: str
    made_at: datetime
    results: tuple[PairedResult, ...]
    titles: Mapping[str, str]
    notes: tuple[str, ...] = ()

    def standing(self, standing: Standing) -> tuple[PairedResult, ...]:
        """The results of one kind."""
        return tuple(each for each in self.results if each.standing is standing)

    @property
    def may_be_promoted(self) -> bool:
        """Whether it is shown to be worse nowhere."""
        return not self.standing(Standing.WORSE)

    @property
    def verdict(self) -> str:
        """What follows for whoever decides about the promotion, in plain words."""
        better, worse = self.standing(Standing.BETTER), self.standing(Standing.WORSE)
        open_ones = self.standing(Standing.NO_DIFFERENCE)
        if worse:
            return (
                f"Do not promote {self.candidate}: it is worse than {self.champion} on "
                f"{self._named(worse)}."
                + (f" It is better on {self._named(better)}." * bool(better))
            )
        if not better and not open_ones:
            return (
                f"Nothing can be said of {self.candidate}: no device has enough held-out cases. "
                "Keep the champion until more results are validated."
            )
        if not better:
            return (
                f"No difference between {self.candidate} and {self.champion} is shown: nothing "
                f"speaks for a promotion.{self._bound(open_ones)}"
            )
        return (
            f"{self.candidate} is better than {self.champion} on {self._named(better)}; nowhere is "
            f"it shown to be worse.{self._bound(open_ones)} Let it run as shadow, then promote it."
        )

    def _bound(self, results: Sequence[PairedResult]) -> str:
        """How large a loss the cases cannot rule out: no difference shown is not no difference."""
        lows = [each.difference.low for each in results if each.difference is not None]
        if not lows or min(lows) >= 0:
            return ""
        return f" Where none is shown, a loss of up to {-min(lows):.3f} AUC cannot be ruled out."

    def _named(self, results: Sequence[PairedResult]) -> str:
        return "; ".join(
            f"{self.title(each.device)}, {each.label} ({difference(each)})" for each in results
        )

    def title(self, device: str) -> str:
        """What a device is called in words."""
        return "all devices together" if device == ALL_DEVICES else self.titles.get(device, device)


def difference(result: PairedResult) -> str:
    """The difference of the AUCs in words; empty where there is none."""
    found = result.difference
    return f"{found.value:+.3f}, {found.low:+.3f} to {found.high:+.3f}" if found else ""


def as_table(comparison: Comparison) -> Table:
    """The results as a table for a terminal."""
    table = Table(
        *_HEADINGS, title=f"{comparison.candidate} beside {comparison.champion}", box=None
    )
    for row in _rows(comparison):
        table.add_row(*row)
    return table


def as_text(comparison: Comparison) -> str:
    """The whole report as Markdown."""
    lines = [
        f"# {comparison.candidate} beside {comparison.champion}",
        "",
        comparison.verdict,
        "",
        f"Made on {comparison.made_at.date().isoformat()}, on patients that neither was trained "
        "on. Intervals are 95 % percentile intervals over patients drawn with replacement; those "
        "of the differences are paired. Each row is judged for itself: of twenty, one may differ "
        "by chance.",
        "",
        f"| {' | '.join(_HEADINGS)} |",
        f"|{' --- |' * len(_HEADINGS)}",
        *(f"| {' | '.join(row)} |" for row in _rows(comparison)),
        "",
        *(f"- {note}" for note in comparison.notes),
    ]
    return "\n".join(lines).rstrip() + "\n"


def write_report(comparison: Comparison, folder: Path) -> None:
    """Write the report as JSON and as Markdown."""
    table = dataclasses.asdict(comparison) | {
        "made_at": comparison.made_at.isoformat(),
        "verdict": comparison.verdict,
        "may_be_promoted": comparison.may_be_promoted,
    }
    text = json.dumps(table, indent=2, ensure_ascii=False) + "\n"
    (folder / JSON_NAME).write_text(text, encoding="utf-8")
    (folder / TEXT_NAME).write_text(as_text(comparison), encoding="utf-8")


_HEADINGS = (
    "Device",
    "Label",
    "Cases",
    "AUC champion",
    "AUC candidate",
    "Difference",
    "Sensitivity",
    "Specificity",
    "Candidate is",
)


def _rows(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    for each in comparison.results:
        before, after = each.champion, each.candidate
        yield (
            comparison.title(each.device),
            each.label,
            f"{each.cases} ({each.positives} with it)",
            str(before.auc) if before else "",
            str(after.auc) if after else "",
            difference(each),
            _change(before.sensitivity.value, after.sensitivity.value) if before and after else "",
            _change(before.specificity.value, after.specificity.value) if before and after else "",
            each.standing.value + (f": {each.reason}" if each.reason else ""),
        )


def _change(before: float, after: float) -> str:
    return f"{before:.2f} → {after:.2f}"
