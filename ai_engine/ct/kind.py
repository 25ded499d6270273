"""The kinds of chest CT: measured by a classical method, or by a network."""

from ai_engine.kinds.kind import ModelKind, Reads
from ai_engine.training.tasks import CHOSEN, EVERY, GREY, ONE_STAGE, STAGES, TaskSpec, of_table

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
    training={
        "ct-mask": TaskSpec(
            trainer="ai_engine.ct.slice_training:SliceTrainer",
            reads=EVERY
            | CHOSEN
            | of_table("augmentation", "rotation", "zoom", "shift")
            | {"labels", "steps_per_epoch", "patch"},
            needs=ONE_STAGE,
            architectures=("xnet", "xnet_quarter"),
        ),
        "ct-few-masks": TaskSpec(
            trainer="ai_engine.ct.outlined_training:OutlinedTrainer",
            reads=EVERY
            | STAGES
            | of_table("augmentation", "rotation", "zoom", "aspect", "flip")
            | GREY
            | {"labels", "steps_per_epoch", "folds", "elastic", "gradient_norm", "half_precision"},
            needs=("labels", "input_size", "batch_size", "steps_per_epoch", "stages", "folds"),
            architectures=("xnet", "xnet_quarter"),
        ),
    },
)
