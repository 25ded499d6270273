"""Networks of somebody else, by their card's table ``[tensors]``: findings, maps, or boxes."""

from ai_engine.kinds.kind import ModelKind

SERVICE = ModelKind(
    name="service",
    has_weights=False,
    has_findings=True,
    predictor="ai_engine.kinds.vendor.loading:load_service",
    readiness="ai_engine.kinds.vendor.loading:require_ready",
    preparation="ai_engine.kinds.vendor.loading:require_described",
    evaluation="ai_engine.kinds.vendor.evaluation:evaluate",
    is_calibrated=True,
)

NETWORK = ModelKind(
    name="network",
    has_findings=True,
    predictor="ai_engine.kinds.vendor.loading:load_network",
    preparation="ai_engine.kinds.vendor.loading:prepare_network",
    evaluation="ai_engine.kinds.vendor.evaluation:evaluate",
    is_calibrated=True,
)
