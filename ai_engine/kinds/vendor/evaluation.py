"""What ``dicom-node models evaluate`` does with networks of somebody else."""

from dataclasses import replace

import numpy as np

from ai_engine.datasets.radiographs import as_radiograph
from ai_engine.errors import ModelFolderError
from ai_engine.kinds.evaluating import Evaluation, draw
from ai_engine.kinds.registry import Part, part
from ai_engine.kinds.vendor.predictor import VendorPredictor
from ai_engine.library.card import UNGUARDED
from ai_engine.measures.report import EvaluationReport, measure_split
from ai_engine.measures.scored import ScoredSplit


def evaluate(asked: Evaluation) -> EvaluationReport:
    """Measure every label on a split, as the model is served but past its guard.

    Raises
    ------
    ModelFolderError, BackendError
        If the model can't be loaded or asked.
    """
    unguarded = replace(asked.loading, card=replace(asked.card, guard=UNGUARDED))
    predictor = part(asked.card, Part.PREDICTOR)(unguarded)
    if not isinstance(predictor, VendorPredictor):
        raise ModelFolderError(f"{asked.card.folder}: is no network of somebody else")
    items = asked.dataset.part(asked.split)
    rows = [
        predictor.probabilities(as_radiograph(asked.dataset, item))
        for item in asked.shown(items, "scoring")
    ]
    scored = ScoredSplit(
        items=items,
        labels=tuple(label.name for label in asked.card.labels),
        probabilities=np.array(rows, dtype=np.float64),
    )
    report = EvaluationReport(
        model=asked.card.identity.key,
        split=asked.split.value,
        images=len(items),
        patients=len(set(scored.patients)),
        metrics=measure_split(scored, asked.card.labels, asked.split.value),
    )
    draw(asked, scored, report)
    return report
