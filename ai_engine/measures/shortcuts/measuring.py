"""Cues against labels: logistic regressions that never see what lies between the pixels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ai_engine.calibration.cases import LabelCases, Truth
from ai_engine.calibration.resampling import Estimate, auc_of, estimate, patient_draws
from ai_engine.datasets.cxr import ABNORMAL, NO_FINDING, CxrDataset, CxrItem, Split
from ai_engine.datasets.radiographs import frontal_items
from ai_engine.measures.report import SMALLEST_GROUP
from ai_engine.measures.shortcuts.cues import CUES

Figures = npt.NDArray[np.float64]

ALL_CUES = "all of them"
"""The cue that joins all others."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CueTable:
    """Images of one data set as cues: for each cue float64 (images, figures)."""

    name: str
    items: tuple[CxrItem, ...]
    figures: Mapping[str, Figures]

    def decided(self, label: str) -> npt.NDArray[np.intp]:
        """The rows of the images of which it is known whether they have a label."""
        return np.flatnonzero([label not in item.uncertain for item in self.items])

    def truth(self, label: str, rows: npt.NDArray[np.intp]) -> Truth:
        """Whether the images of some rows have a label."""
        return np.array([label in self.items[row].labels for row in rows], dtype=np.bool_)

    def cases(self, label: str, rows: npt.NDArray[np.intp], scores: Figures) -> LabelCases:
        """Some rows with what something said of them."""
        return LabelCases(
            label=label,
            scores=scores,
            truth=self.truth(label, rows),
            patients=tuple(self.items[row].patient_id for row in rows),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """How well one cue, learned on one data set, tells a label on the images of ``source``."""

    label: str
    cue: str
    source: str
    images: int
    auc: Estimate


def cue_table(dataset: CxrDataset, name: str, items: Iterable[CxrItem]) -> CueTable:
    """Read images and take their cues."""
    kept, rows = tuple(items), []
    for item in kept:
        image = dataset.image(item)
        rows.append([cue(image, item) for cue in CUES.values()])
    single = {
        name: np.array([row[place] for row in rows], dtype=np.float64)
        for place, name in enumerate(CUES)
    }
    return CueTable(
        name=name, items=kept, figures={**single, ALL_CUES: np.hstack(list(single.values()))}
    )


def tables_of(dataset: CxrDataset, split: Split) -> tuple[CueTable, CueTable]:
    """The images of a data set that cues are learned on, and those that they are measured on."""
    name = dataset.folder.name
    return (
        cue_table(dataset, f"{name}, train part", frontal_items(dataset, Split.TRAIN)),
        cue_table(dataset, f"{name}, {split} part", frontal_items(dataset, split)),
    )


def by_source(table: CueTable) -> Iterator[CueTable]:
    """The same images apart by the source that the data set names, where it names several."""
    sources = np.array([item.device for item in table.items], dtype=np.str_)
    names = np.unique(sources)
    for name in names if len(names) > 1 else ():
        rows = np.flatnonzero(sources == name)
        yield CueTable(
            name=f"{table.name}, of it {name}",
            items=tuple(table.items[row] for row in rows),
            figures={cue: figures[rows] for cue, figures in table.figures.items()},
        )


def whole_table(dataset: CxrDataset) -> CueTable:
    """All frontal images of a data set that nothing is learned on."""
    items = [item for split in Split for item in frontal_items(dataset, split)]
    return cue_table(dataset, f"{dataset.folder.name}, all", items)


def labels_of(dataset: CxrDataset) -> tuple[str, ...]:
    """What cues may tell of a data set's images: abnormal or not first, where that is known."""
    named = tuple(label for label in dataset.labels if label != NO_FINDING)
    return (ABNORMAL, *named) if NO_FINDING in dataset.labels else named


def shortcuts(
    learned: CueTable, measured: Sequence[CueTable], labels: Iterable[str]
) -> Iterator[Shortcut]:
    """Learn every label from every cue, and measure it on tables of other patients.

    A label with fewer than `SMALLEST_GROUP` images on either side is left out where it is so.
    """
    for label in labels:
        if not _enough(learned, label):
            continue
        for table in measured:
            if not _enough(table, label):
                continue
            rows = table.decided(label)
            for cue in learned.figures:
                cases = table.cases(label, rows, cue_scores(learned, table, label, cue))
                yield Shortcut(
                    label=label,
                    cue=cue,
                    source=table.name,
                    images=len(rows),
                    auc=auc_estimate(cases),
                )


def cue_scores(learned: CueTable, table: CueTable, label: str, cue: str) -> Figures:
    """What a cue says of the decided images of a table: log odds, float64 (images,)."""
    rows = learned.decided(label)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))
    model.fit(learned.figures[cue][rows], learned.truth(label, rows))
    scores = model.decision_function(table.figures[cue][table.decided(label)])
    return np.asarray(scores, dtype=np.float64)


def auc_estimate(cases: LabelCases) -> Estimate:
    """The area under the ROC curve, with its interval over patients."""
    weights = np.vstack([np.ones(len(cases)), patient_draws(cases)])
    return estimate(auc_of(weights, cases.truth, cases.scores))


def _enough(table: CueTable, label: str) -> bool:
    truth = table.truth(label, table.decided(label))
    return bool(min(truth.sum(), (~truth).sum()) >= SMALLEST_GROUP)
