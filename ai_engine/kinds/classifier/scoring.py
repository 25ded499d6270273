"""Run a model over a split of a data set, exactly as it is served."""

from collections.abc import Iterable

import numpy as np

from ai_engine.datasets.cxr import CxrDataset, CxrItem
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.measures.scored import ScoredSplit


def score_split(
    predictor: ChestRadiographPredictor,
    dataset: CxrDataset,
    items: Iterable[CxrItem],
) -> ScoredSplit:
    """Probabilities of every item, one by one."""
    scored, rows = [], []
    for item in items:
        scored.append(item)
        rows.append(predictor.probabilities(as_radiograph(dataset, item)))
    return ScoredSplit(
        items=tuple(scored),
        labels=tuple(label.name for label in predictor.card.labels),
        probabilities=np.array(rows, dtype=np.float64),
    )
