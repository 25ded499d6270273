"""Triage: how probably a radiograph is not normal, before it is analysed (paper 3)."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.training.tasks import LABELS

TRIAGE = ModelKind(
    name="triage",
    triage="ai_engine.kinds.triage.loading:load",
    # Measured as the classifier that its network is.
    evaluation="ai_engine.kinds.classifier.evaluation:evaluate",
    training={"labels": LABELS},
    is_exported=True,
)
