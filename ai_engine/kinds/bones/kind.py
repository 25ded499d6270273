"""Bone generators: images of the bones, and a channel for other networks (paper 3)."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.library.card import ChannelKind
from ai_engine.models.architecture import Architecture

BONES = ModelKind(
    name="bone-subtraction",
    predictor="ai_engine.kinds.bones.loading:load",
    channel=ChannelKind.BONES,
    channel_source="ai_engine.kinds.bones.loading:load_channel",
    evaluation="ai_engine.kinds.bones.evaluation:evaluate",
    networks={
        "bone_generator": Architecture(
            builder="ai_engine.kinds.bones.network:build_served_generator",
            channels_last=True,
        ),
        "bone_generator_small": Architecture(
            builder="ai_engine.kinds.bones.network:build_small_generator",
            channels_last=True,
        ),
    },
)
