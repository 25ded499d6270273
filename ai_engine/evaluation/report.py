"""The report of an evaluation: every label, within every view, with intervals."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ai_engine.cards import Label, Metric
from ai_engine.datasets.cxr import View
from ai_engine.evaluation.metrics import BOOTSTRAP_ROUNDS, Interval, bootstrap, measures
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


def measure_split(
    scored: ScoredSplit, labels: Sequence[Label], split: str, *, rounds: int = BOOTSTRAP_ROUNDS
) -> tuple[Metric, ...]:
    """All measures of all labels, over all images and within each view.

    The view alone tells something about the label, so a model that only knew the view would look
    good over all images; within a view it can't.
    """
    views = np.array([item.view for item in scored.items])
    groups = {"all": np.ones(len(views), dtype=np.bool_)}
    groups |= {view.value: views == view for view in View}
    return tuple(
        Metric(
            name=name,
            label=label.name,
            split=split,
            group=group,
            images=int(chosen.sum()),
            value=round(interval.value, 4),
            low=round(interval.low, 4),
            high=round(interval.high, 4),
        )
        for label in labels
        for group, chosen in groups.items()
        for name, interval in _measure_group(scored, label, np.flatnonzero(chosen), rounds)
    )


def _measure_group(
    scored: ScoredSplit, label: Label, rows: npt.NDArray[np.intp], rounds: int
) -> Iterator[tuple[str, Interval]]:
    truth, scores = scored.truth(label.name)[rows], scored.scores(label.name)[rows]
    if min(truth.sum(), (~truth).sum()) < SMALLEST_GROUP:
        return
    patients = [scored.patients[row] for row in rows]
    for name, measure in measures(label.threshold).items():
        yield name, bootstrap(measure, truth, scores, patients, rounds=rounds)
