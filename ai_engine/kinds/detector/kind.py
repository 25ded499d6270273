"""Detectors: boxes with probabilities."""

from ai_engine.kinds.kind import ModelKind

DETECTOR = ModelKind(
    name="detector",
    has_findings=True,
    predictor="ai_engine.kinds.detector.loading:load",
    preparation="ai_engine.inference.packed_network:unpacked_network",
    evaluation="ai_engine.kinds.detector.evaluation:evaluate",
)
