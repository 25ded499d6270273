"""Where a model was furthest from the truth: a table that refers to images, and a picture of them.

The table names files and holds no pixels; the picture is drawn from the data set at hand, and goes
where the evaluation's other pictures go, never into a model's folder.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from ai_engine.datasets.cxr import CxrDataset
from ai_engine.library.card import Label
from ai_engine.measures.scored import ScoredSplit

SHOWN = 6
"""False alarms, and as many missed ones, of each label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A wrong decision on one image: ``row`` counts the split's images from 0."""

    label: str
    row: int
    missed: bool
    probability: float
    threshold: float

    @property
    def words(self) -> str:
        """What went wrong."""
        return "missed" if self.missed else "false alarm"


def failures(scored: ScoredSplit, labels: Sequence[Label]) -> Iterator[Failure]:
    """All wrong decisions, label by label: missed ones first, the furthest from right first."""
    for label in labels:
        known, truth = scored.known(label.name), scored.truth(label.name)
        scores = scored.scores(label.name)
        called = scores >= label.threshold
        for missed in (True, False):
            wrong = np.flatnonzero(known & (truth == missed) & (called != missed))
            order = np.argsort(scores[wrong] if missed else -scores[wrong], kind="stable")
            for row in wrong[order]:
                yield Failure(
                    label=label.name,
                    row=int(row),
                    missed=missed,
                    probability=float(scores[row]),
                    threshold=label.threshold,
                )


def write_failures(scored: ScoredSplit, labels: Sequence[Label], path: Path) -> None:
    """All wrong decisions as CSV, by the files' names in the data set."""
    lines = ["label,what,file,view,probability,threshold"]
    for each in failures(scored, labels):
        item = scored.items[each.row]
        lines.append(
            f"{each.label},{each.words},{item.file},{item.view.value},"
            f"{each.probability:.4f},{each.threshold:.4f}"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def draw_failures(
    dataset: CxrDataset, scored: ScoredSplit, labels: Sequence[Label], path: Path
) -> None:
    """The furthest wrong decisions of each label as PNG: a row of missed ones, one of alarms."""
    found = list(failures(scored, labels))
    rows = [
        [each for each in found if (each.label, each.missed) == (label.name, missed)][:SHOWN]
        for label in labels
        for missed in (True, False)
    ]
    figure = Figure(figsize=(2.4 * SHOWN, 2.7 * len(rows)), layout="constrained")
    places = figure.subplots(len(rows), SHOWN, squeeze=False)
    for axes in places.flat:
        axes.set_axis_off()
    for line, wrong in zip(places, rows, strict=True):
        for axes, each in zip(line, wrong, strict=False):
            axes.imshow(dataset.image(scored.items[each.row]), cmap="gray")
            axes.set_title(f"{each.label} {each.words}: {each.probability:.2f}", fontsize=8)
    figure.savefig(path, dpi=90)
