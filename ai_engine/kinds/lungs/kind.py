"""Lung models: outlines for evidence, and a channel for other networks (paper 3)."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.library.card import ChannelKind

LUNGS = ModelKind(
    name="segmenter",
    outlines="ai_engine.kinds.lungs.loading:load_segmenter",
    channel=ChannelKind.LUNGS,
    channel_source="ai_engine.kinds.lungs.loading:load_channel",
    evaluation="ai_engine.kinds.lungs.evaluation:evaluate",
)
