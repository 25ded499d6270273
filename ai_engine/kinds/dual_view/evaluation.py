"""What ``dicom-node models evaluate`` does with the dual branch: pairs, exactly as served."""

from collections.abc import Iterable

import numpy as np

from ai_engine.datasets.cxr import CxrDataset
from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.kinds.dual_view.dataset import ViewPair, view_pairs
from ai_engine.kinds.dual_view.predictor import DualViewPredictor, branch_heads
from ai_engine.kinds.evaluating import Evaluation, beside_the_paper, draw
from ai_engine.kinds.guarding import Unguarded
from ai_engine.measures.report import EvaluationReport, confusions, measure_split
from ai_engine.measures.scored import ScoredSplit


def evaluate(asked: Evaluation) -> EvaluationReport:
    """Measure the joined head on the pairs of a split; no guard is asked.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, BackendError, DatasetError
        If the model, one that makes its channels, or the data can't be used as they are.
    """
    predictor = DualViewPredictor(
        asked.card,
        asked.loading.network(),
        heads=branch_heads(asked.card),
        guard=Unguarded(),
        channels=asked.loading.channels(),
    )
    pairs = view_pairs(asked.dataset, asked.split)
    scored = score_pairs(predictor, asked.dataset, asked.shown(pairs, "scoring"))
    report = EvaluationReport(
        model=asked.card.identity.key,
        split=asked.split.value,
        images=len(scored.items),
        patients=len(set(scored.patients)),
        metrics=measure_split(scored, asked.card.labels, asked.split.value),
        confusions=confusions(scored, asked.card.labels),
    )
    draw(asked, scored, report)
    beside_the_paper(asked, scored)
    return report


def score_pairs(
    predictor: DualViewPredictor, dataset: CxrDataset, pairs: Iterable[ViewPair]
) -> ScoredSplit:
    """The joined head's probabilities of every pair; the items are the frontal images."""
    scored, rows = [], []
    for pair in pairs:
        lateral = None if pair.lateral is None else as_radiograph(dataset, pair.lateral)
        scored.append(pair.frontal)
        rows.append(predictor.probabilities(as_radiograph(dataset, pair.frontal), lateral))
    return ScoredSplit(
        items=tuple(scored),
        labels=tuple(label.name for label in predictor.card.labels),
        probabilities=np.array(rows, dtype=np.float64),
    )
