"""Guards: what decides which images other models may see."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.models.architecture import Architecture
from ai_engine.training.tasks import EVERY, STAGES, VARIED, TaskSpec

GUARD = ModelKind(
    name="guard",
    guard="ai_engine.kinds.guard.loading:load",
    evaluation="ai_engine.kinds.guard.evaluation:evaluate",
    is_exported=True,
    training={
        "guard": TaskSpec(
            trainer="ai_engine.kinds.guard.training:GuardTrainer",
            reads=EVERY
            | VARIED
            | STAGES
            | {"layout", "center_crop", "half_precision", "label_smoothing", "flip_averaging"},
            needs=("stages",),
            architectures=("guardnet",),
            one_stage=True,
            steps_by_hand=True,
        )
    },
    networks={
        "guardnet": Architecture(
            builder="ai_engine.kinds.guard.network:build_guardnet",
        ),
    },
)
