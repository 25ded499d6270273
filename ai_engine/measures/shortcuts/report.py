"""What cues tell of data sets, and how much more a model tells, as tables."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from ai_engine.calibration.resampling import Estimate
from ai_engine.library.card import Metric
from ai_engine.measures.shortcuts.measuring import Shortcut

METRIC = "auc of a cue"
"""Name of a cue's figure in a card; the group is the cue, the split the images measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstCue:
    """A model beside one cue on the same images: ``difference`` is its AUC less the cue's."""

    model: str
    label: str
    cue: str
    source: str
    auc: Estimate
    difference: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortcutReport:
    """What was measured: cues learned on ``learned``, and a model beside them if one was given."""

    learned: str
    shortcuts: tuple[Shortcut, ...]
    models: tuple[AgainstCue, ...] = ()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The figures that a model's card holds."""
        return tuple(
            Metric(
                name=METRIC,
                label=each.label,
                split=each.source,
                group=each.cue,
                images=each.images,
                value=round(each.auc.value, 4),
                low=round(each.auc.low, 4),
                high=round(each.auc.high, 4),
            )
            for each in self.shortcuts
        )

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")

    def shown(self) -> tuple[Table, ...]:
        """The report as tables for a terminal."""
        cues = _cue_table(self.learned, self.shortcuts)
        return (cues, _model_table(self.models)) if self.models else (cues,)


def _cue_table(learned: str, rows: Iterable[Shortcut]) -> Table:
    table = Table(
        *("Label", "Measured on", "Images", "Cue", "AUC (95 % interval)"),
        title=f"Told without anatomy, learned on {learned}",
        box=None,
    )
    for row in sorted(rows, key=lambda each: (each.label, each.source)):
        table.add_row(row.label, row.source, str(row.images), row.cue, str(row.auc))
    return table


def _model_table(rows: Sequence[AgainstCue]) -> Table:
    table = Table(
        *("Label", "Measured on", "AUC of the model", "Less that of", "Difference, paired"),
        title=f"{rows[0].model} beside the cues",
        box=None,
    )
    for row in rows:
        found = row.difference
        words = f"{found.value:+.3f} ({found.low:+.3f} to {found.high:+.3f})"
        table.add_row(row.label, row.source, str(row.auc), row.cue, words)
    return table
