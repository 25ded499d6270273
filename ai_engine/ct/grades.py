"""Paper 5's figures: Dice and IoU of masks, grades, and its Table 2 of positives and negatives."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.ct.morphology import Mask
from ai_engine.ct.part import MeasuredPart

PAPER = {
    "Dice": 0.91,
    "IoU": 0.84,
    "precision": 0.75,
    "recall": 0.64,
    "F-score": 0.68,
}
"""Section 6 of paper 5; its abstract has 0.92 and 0.82 for Dice and IoU."""

ROUNDS = 1000

Values = npt.NDArray[Any]
"""Rows of what is known of each study, (rows, studies)."""

Measure = Callable[[Values], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedStudy:
    """One study: grade stated and measured (0 to 4), and overlap where lesions were drawn.

    ``refusal`` says why a study was not measured.
    """

    name: str
    stated: int
    measured: int | None = None
    percentage: float | None = None
    dice: float | None = None
    iou: float | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measure with its 95 % interval (bootstrap over studies), beside the paper's.

    ``paper`` is None where the model has learned from the studies: the paper's are of unseen ones.
    """

    name: str
    studies: int
    value: float
    low: float
    high: float
    paper: float | None


def overlap(found: Mask, drawn: Mask) -> tuple[float, float]:
    """Dice and intersection over union of two masks; both 1 where both are empty."""
    common = float(np.count_nonzero(found & drawn))
    sizes = float(np.count_nonzero(found)), float(np.count_nonzero(drawn))
    union = sum(sizes) - common
    return (2 * common / sum(sizes), common / union) if union else (1.0, 1.0)


def figures(
    studies: Sequence[GradedStudy], *, is_unseen: bool = True, seed: int = 1
) -> tuple[Figure, ...]:
    """The paper's measures over the studies that were measured, its figures if all are unseen.

    A study is positive from grade 1 (more than 2 % of the lungs, CT-1 and above), as in Table 2.
    """
    measured = [each for each in studies if each.measured is not None]
    drawn = [each for each in measured if each.dice is not None]
    rows = []
    for name, values in (("Dice", [e.dice for e in drawn]), ("IoU", [e.iou for e in drawn])):
        if values:
            rows.append(_figure(name, np.array([values], float), _mean, seed))
    pairs = np.array(
        [[each.stated > 0 for each in measured], [bool(each.measured) for each in measured]]
    )
    for name, measure in (("precision", _precision), ("recall", _recall), ("F-score", _f_score)):
        if measured and np.isfinite(measure(pairs)):
            rows.append(_figure(name, pairs, measure, seed))
    return tuple(rows if is_unseen else (replace(row, paper=None) for row in rows))


def confusion(studies: Sequence[GradedStudy]) -> npt.NDArray[np.int64]:
    """Stated grades by row, measured ones by column: (5, 5)."""
    table = np.zeros((5, 5), np.int64)
    for each in studies:
        if each.measured is not None:
            table[each.stated, each.measured] += 1
    return table


def write_report(
    path: Path,
    model: str,
    part: MeasuredPart,
    studies: Sequence[GradedStudy],
    rows: Sequence[Figure],
) -> None:
    """Write everything that was measured as JSON, and on which studies."""
    report = {
        "model": model,
        "split": part.name,
        "measured_on": part.words,
        "figures": [asdict(row) for row in rows],
        "confusion": confusion(studies).tolist(),
        "studies": [asdict(each) for each in studies],
    }
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _figure(name: str, values: Values, measure: Measure, seed: int) -> Figure:
    rng = np.random.default_rng(seed)
    count = values.shape[1]
    drawn = [float(measure(values[:, rng.integers(0, count, count)])) for _ in range(ROUNDS)]
    usable = [value for value in drawn if np.isfinite(value)]
    low, high = np.quantile(usable, (0.025, 0.975))
    return Figure(
        name=name,
        studies=count,
        value=float(measure(values)),
        low=float(low),
        high=float(high),
        paper=PAPER[name],
    )


def _mean(values: Values) -> float:
    return float(values[0].mean())


def _precision(pairs: Values) -> float:
    stated, found = pairs
    return _share(_count(stated & found), _count(found))


def _recall(pairs: Values) -> float:
    stated, found = pairs
    return _share(_count(stated & found), _count(stated))


def _f_score(pairs: Values) -> float:
    stated, found = pairs
    sizes = _count(stated) + _count(found)
    return _share(2 * _count(stated & found), sizes)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")


def _count(values: Values) -> int:
    return int(np.count_nonzero(values))
