"""The report of an evaluation: every label, within every view, with intervals."""

import dataclasses
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from rich.table import Table

from ai_engine.datasets.cxr import CxrItem, View
from ai_engine.library.card import Label, Metric
from ai_engine.library.earned import AMONG_ABNORMAL, names_disease
from ai_engine.measures.metrics import BOOTSTRAP_ROUNDS, Interval, Truth, bootstrap, measures
from ai_engine.measures.scored import PointingResult, ScoredSplit
from ai_engine.prediction import NO_FINDING

SEXES = MappingProxyType({"F": "women", "M": "men"})
"""Groups by sex, as tables name it."""

AGE_BANDS = (0, 18, 40, 65, 120)
"""Years at which a band of ages begins, or the last one ends."""

SMALLEST_GROUP = 5
"""Groups with fewer positives or negatives are left out: their figures would mean nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confusion:
    """How a label's decisions fell out over all images, at the model's threshold."""

    label: str
    threshold: float
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationReport:
    """What was measured: of which model, on which split."""

    model: str
    split: str
    images: int
    patients: int
    metrics: tuple[Metric, ...]
    pointing: PointingResult | None = None
    confusions: tuple[Confusion, ...] = ()

    def value(self, name: str, group: str = "all") -> float:
        """One measured value, by the metric's name and group."""
        return next(
            metric.value for metric in self.metrics if (metric.name, metric.group) == (name, group)
        )

    def shown(self) -> tuple[Table]:
        """The report as a table for a terminal."""
        return (report_table(self),)

    def write(self, path: Path) -> None:
        """Write the report as JSON."""
        path.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n", encoding="utf-8")


def measure_split(
    scored: ScoredSplit, labels: Sequence[Label], split: str, *, rounds: int = BOOTSTRAP_ROUNDS
) -> tuple[Metric, ...]:
    """All measures of all labels, over all images, within groups, and among abnormal images.

    The groups are the views, sexes and age bands, and the sources where there are several.

    The view alone tells something about the label, so a model that only knew the view would look
    good over all images; within a view it can't. Nor would one that only knew "abnormal" look good
    among abnormal images (`ai_engine.library.earned`).
    """
    views = np.array([item.view for item in scored.items])
    groups = {"all": np.ones(len(views), dtype=np.bool_)}
    groups |= {view.value: views == view for view in View}
    groups |= _people(scored)
    groups |= _sources(scored)
    return tuple(
        interval.as_metric(
            name,
            label=label.name,
            split=split,
            images=int((chosen & scored.known(label.name)).sum()),
            group=group,
        )
        for label in labels
        for group, chosen in {**groups, **_among_abnormal(scored, label)}.items()
        for name, interval in _measure_group(scored, label, np.flatnonzero(chosen), rounds)
    )


def _people(scored: ScoredSplit) -> dict[str, Truth]:
    """The images of each sex and band of ages, where there are others; of unknown age in none."""
    sexes = np.array([item.sex for item in scored.items], dtype=np.str_)
    ages = np.array([item.age for item in scored.items], dtype=np.float64)
    groups: dict[str, Truth] = {words: sexes == sex for sex, words in SEXES.items()}
    for low, high in pairwise(AGE_BANDS):
        groups[f"age {low} to {high - 1}"] = (ages >= low) & (ages < high)
    return {name: chosen for name, chosen in groups.items() if not chosen.all()}


def _sources(scored: ScoredSplit) -> dict[str, Truth]:
    """The images of each source, where the data set has several."""
    sources = np.array([item.device for item in scored.items], dtype=np.str_)
    names = np.unique(sources)
    return {f"from {name}": sources == name for name in names} if len(names) > 1 else {}


def _among_abnormal(scored: ScoredSplit, label: Label) -> dict[str, Truth]:
    """The images that a finding is to be told from: with it, or with another one."""
    if not names_disease(label):
        return {}
    return {AMONG_ABNORMAL: np.array([_is_abnormal(item, label.name) for item in scored.items])}


def _is_abnormal(item: CxrItem, label: str) -> bool:
    return label in item.labels or bool(item.labels - NO_FINDING)


def confusions(scored: ScoredSplit, labels: Sequence[Label]) -> tuple[Confusion, ...]:
    """The decisions of every label that somebody decided on."""
    found = []
    for label in labels:
        known = scored.known(label.name)
        truth = scored.truth(label.name)[known]
        called = scored.scores(label.name)[known] >= label.threshold
        found.append(
            Confusion(
                label=label.name,
                threshold=label.threshold,
                true_positives=int((truth & called).sum()),
                false_positives=int((~truth & called).sum()),
                false_negatives=int((truth & ~called).sum()),
                true_negatives=int((~truth & ~called).sum()),
            )
        )
    return tuple(found)


def _measure_group(
    scored: ScoredSplit, label: Label, rows: npt.NDArray[np.intp], rounds: int
) -> Iterator[tuple[str, Interval]]:
    rows = rows[scored.known(label.name)[rows]]
    truth, scores = scored.truth(label.name)[rows], scored.scores(label.name)[rows]
    if min(truth.sum(), (~truth).sum()) < SMALLEST_GROUP:
        return
    patients = [scored.patients[row] for row in rows]
    for name, measure in measures(label.threshold).items():
        yield name, bootstrap(measure, truth, scores, patients, rounds=rounds)


def report_table(report: EvaluationReport) -> Table:
    """The report as a table for a terminal."""
    table = Table(title=f"{report.model} on {report.split} ({report.images} images)")
    for heading in ("label", "group", "images", "measure", "value", "95 % interval"):
        table.add_column(heading)
    for metric in report.metrics:
        table.add_row(
            metric.label,
            metric.group,
            str(metric.images),
            metric.name,
            f"{metric.value:.3f}",
            f"{metric.low:.3f} to {metric.high:.3f}",
        )
    if report.pointing is not None:
        game = report.pointing
        chance = game.expected_by_chance
        table.caption = (
            f"pointing game: {game.hits} of {game.boxes} images (chance {chance:.1f}); "
            f"boxes hit: {game.boxes_hit} of {game.boxes_drawn}"
        )
    return table
