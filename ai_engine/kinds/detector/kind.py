"""Detectors: boxes with probabilities."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.training.tasks import CHOSEN, EVERY, ONE_STAGE, RADIOGRAPHS, VARIED, TaskSpec

DETECTOR = ModelKind(
    name="detector",
    has_findings=True,
    predictor="ai_engine.kinds.detector.loading:load",
    preparation="ai_engine.inference.packed_network:unpacked_network",
    evaluation="ai_engine.kinds.detector.evaluation:evaluate",
    training={
        "boxes": TaskSpec(
            trainer="ai_engine.kinds.detector.training:BoxTrainer",
            reads=(EVERY | CHOSEN | RADIOGRAPHS | VARIED) - {"half_precision"},
            needs=ONE_STAGE,
            architectures=("retinanet",),
        )
    },
)
