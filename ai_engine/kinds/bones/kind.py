"""Bone generators: images of the bones, and a channel for other networks (paper 3)."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.library.card import ChannelKind
from ai_engine.models.architecture import Architecture
from ai_engine.training.tasks import (
    EVERY,
    LENGTH,
    MOVED,
    ONE_STAGE,
    SCHEDULED,
    TaskSpec,
)

BONES = ModelKind(
    name="bone-subtraction",
    predictor="ai_engine.kinds.bones.loading:load",
    channel=ChannelKind.BONES,
    channel_source="ai_engine.kinds.bones.loading:load_channel",
    evaluation="ai_engine.kinds.bones.evaluation:evaluate",
    training={
        "bones": TaskSpec(
            trainer="ai_engine.kinds.bones.training:BoneTrainer",
            reads=EVERY | LENGTH | MOVED | {"labels", "discriminator_rate", "distance_weight"},
            needs=(*ONE_STAGE, "discriminator_rate", "distance_weight"),
            architectures=("bone_generator", "bone_generator_small"),
        ),
        "bone-pairs": TaskSpec(
            trainer="ai_engine.kinds.bones.pair_training:BoneUnetTrainer",
            reads=EVERY | SCHEDULED | MOVED | {"labels", "steps_per_epoch"},
            needs=ONE_STAGE,
            architectures=("bone_unet",),
        ),
    },
    networks={
        "bone_generator": Architecture(
            builder="ai_engine.kinds.bones.network:build_served_generator",
            channels_last=True,
        ),
        "bone_generator_small": Architecture(
            builder="ai_engine.kinds.bones.network:build_small_generator",
            channels_last=True,
        ),
        "bone_unet": Architecture(
            builder="ai_engine.kinds.bones.unet:build_bone_unet", channels_last=True
        ),
    },
)
