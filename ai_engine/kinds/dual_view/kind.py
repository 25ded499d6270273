"""The dual branch: frontal and lateral images of a study judged together (paper 3)."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.models.architecture import Architecture

DUAL_VIEW = ModelKind(
    name="dual-view",
    has_findings=True,
    predictor="ai_engine.kinds.dual_view.loading:load",
    evaluation="ai_engine.kinds.dual_view.evaluation:evaluate",
    networks={
        "dual_branch": Architecture(
            builder="ai_engine.kinds.dual_view.network:build_dual_branch",
            channels_last=True,
            channels="frontal_channels",
        ),
    },
)
