"""Classifiers that join pixels with the header (paper 4)."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.models.architecture import Architecture
from ai_engine.training.tasks import IMAGES, ONE_STAGE, TaskSpec

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
    training={
        "classes-with-header": TaskSpec(
            trainer="ai_engine.kinds.with_header.training:HeaderTrainer",
            reads=IMAGES | {"head_epochs", "head_learning_rate"},
            needs=(*ONE_STAGE, "head_epochs", "head_learning_rate"),
            exclusive=True,
        )
    },
)
