"""Guards: what decides which images other models may see."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.models.architecture import Architecture

GUARD = ModelKind(
    name="guard",
    guard="ai_engine.kinds.guard.loading:load",
    evaluation="ai_engine.kinds.guard.evaluation:evaluate",
    is_exported=True,
    networks={
        "guardnet": Architecture(
            builder="ai_engine.kinds.guard.network:build_guardnet",
        ),
    },
)
