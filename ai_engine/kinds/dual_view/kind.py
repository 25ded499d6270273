"""The dual branch: frontal and lateral images of a study judged together (paper 3)."""

from ai_engine.kinds.kind import ModelKind

DUAL_VIEW = ModelKind(
    name="dual-view",
    has_findings=True,
    predictor="ai_engine.kinds.dual_view.loading:load",
    evaluation="ai_engine.kinds.dual_view.evaluation:evaluate",
)
