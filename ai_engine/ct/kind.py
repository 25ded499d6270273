"""The kinds of chest CT: measured by a classical method, or by a network."""

from ai_engine.kinds.kind import ModelKind, Reads

CLASSICAL = ModelKind(
    name="classical-ct",
    reads=Reads.CT_STUDY,
    has_weights=False,
    predictor="ai_engine.ct.loading:load_method",
    preparation="",
    evaluation="ai_engine.ct.evaluation:evaluate",
)

SEGMENTER = ModelKind(
    name="segmenter-ct",
    reads=Reads.CT_STUDY,
    predictor="ai_engine.ct.loading:load_network",
    evaluation="ai_engine.ct.evaluation:evaluate",
)
