"""Classifiers that join pixels with the header (paper 4)."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.models.architecture import Architecture

WITH_HEADER = ModelKind(
    name="classifier-with-header",
    has_findings=True,
    predictor="ai_engine.kinds.with_header.loading:load",
    evaluation="ai_engine.kinds.with_header.evaluation:evaluate",
    networks={
        "xception_with_header": Architecture(
            builder="ai_engine.kinds.with_header.network:build_opacity_classifier",
            channels_last=True,
        ),
    },
)
