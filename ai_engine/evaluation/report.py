"""The report of an evaluation: every label, within every view, with intervals."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ai_engine.cards import Label, Metric
from ai_engine.datasets.cxr import View
from ai_engine.evaluation.metrics import bootstrap, measures
from ai_engine.evaluation.pointing import PointingResult
from ai_engine.evaluation.scoring import ScoredSplit

SMALLEST_GROUP = 5
"""Groups with fewer positives or negatives are left out: their figures would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport:
    """What was measured: of which model, on which split."""

    model: str
    split: str
    images: int
    patients: int
    metrics: tuple[Metric, ...]
    pointing: PointingResult | None

    def value(self, name: str, group: str = "all") -> float:
        """One measured value, by the metric's name and group."""
        return next(
            metric.value for metric in self.metrics if (metric.name, metric.group) == (name, group)
        )

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")


def measure_split(scored: ScoredSplit, labels: Sequence[Label], split: str) -> tuple[Metric, ...]:
    """All measures of all labels, over all images and within each view.

    The view alone tells something about the label, so a model that only knew the view would look
    good over all images; within a view it can't.
    """
    views = np.array([item.view for item in scored.items])
    groups = {"all": np.ones(len(views), dtype=np.bool_)}
    groups |= {view.value: views == view for view in View}
    found: list[Metric] = []
    for label in labels:
        for group, chosen in groups.items():
            found += _measure_group(scored, label, split, group, np.flatnonzero(chosen))
    return tuple(found)


def _measure_group(
    scored: ScoredSplit, label: Label, split: str, group: str, rows: np.ndarray
) -> list[Metric]:
    truth, scores = scored.truth(label.name)[rows], scored.scores(label.name)[rows]
    if min(truth.sum(), (~truth).sum()) < SMALLEST_GROUP:
        return []
    patients = [scored.patients[row] for row in rows]
    found = []
    for name, measure in measures(label.threshold).items():
        interval = bootstrap(measure, truth, scores, patients)
        found.append(
            Metric(
                name=name,
                label=label.name,
                split=split,
                group=group,
                images=len(rows),
                value=round(interval.value, 4),
                low=round(interval.low, 4),
                high=round(interval.high, 4),
            )
        )
    return found
