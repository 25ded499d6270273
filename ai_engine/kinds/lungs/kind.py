"""Lung models: outlines for evidence, and a channel for other networks (paper 3)."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.library.card import ChannelKind
from ai_engine.training.tasks import EVERY, GREY, MOVED, ONE_STAGE, SCHEDULED, STARTED, TaskSpec

LUNGS = ModelKind(
    name="segmenter",
    outlines="ai_engine.kinds.lungs.loading:load_segmenter",
    channel=ChannelKind.LUNGS,
    channel_source="ai_engine.kinds.lungs.loading:load_channel",
    evaluation="ai_engine.kinds.lungs.evaluation:evaluate",
    training={
        "mask": TaskSpec(
            trainer="ai_engine.kinds.lungs.training:MaskTrainer",
            reads=EVERY
            | SCHEDULED
            | STARTED
            | MOVED
            | GREY
            | {"labels", "folds", "doubtful", "elastic", "air"},
            needs=ONE_STAGE,
            architectures=("unet_lite2", "unet_vgg16", "unet_vgg16_quarter"),
        )
    },
)
