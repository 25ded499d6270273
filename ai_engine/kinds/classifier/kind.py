"""Classifiers with a linear head: a probability and a heat map for each label."""

from ai_engine.kinds.kind import ModelKind

CLASSIFIER = ModelKind(
    name="classifier",
    has_findings=True,
    predictor="ai_engine.kinds.classifier.loading:load",
    guard="ai_engine.kinds.classifier.loading:load_guard",
    scorer="ai_engine.kinds.classifier.loading:load_scorer",
    evaluation="ai_engine.kinds.classifier.evaluation:evaluate",
    comparison="ai_engine.kinds.classifier.comparison:quality",
    tunable=frozenset({"densenet121", "efficientnet_lite2"}),
    is_calibrated=True,
    is_exported=True,
)
