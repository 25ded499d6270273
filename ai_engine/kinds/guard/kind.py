"""Guards: what decides which images other models may see."""

from ai_engine.kinds.kind import ModelKind

GUARD = ModelKind(
    name="guard",
    guard="ai_engine.kinds.guard.loading:load",
    evaluation="ai_engine.kinds.guard.evaluation:evaluate",
    is_exported=True,
)
