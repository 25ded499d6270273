"""Detectors: boxes with probabilities."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.models.architecture import Architecture
from ai_engine.training.tasks import (
    CHOSEN,
    EVERY,
    LENGTH,
    ONE_STAGE,
    RADIOGRAPHS,
    SCHEDULED,
    VARIED,
    TaskSpec,
)

DETECTOR = ModelKind(
    name="detector",
    has_findings=True,
    predictor="ai_engine.kinds.detector.loading:load",
    preparation="ai_engine.kinds.detector.loading:prepared",
    evaluation="ai_engine.kinds.detector.evaluation:evaluate",
    training={
        "boxes": TaskSpec(
            trainer="ai_engine.kinds.detector.training:BoxTrainer",
            reads=(EVERY | CHOSEN | RADIOGRAPHS | VARIED) - {"half_precision"},
            needs=ONE_STAGE,
            architectures=("retinanet",),
        ),
        "few-boxes": TaskSpec(
            trainer="ai_engine.kinds.detector.cell_training:CellTrainer",
            reads=EVERY | LENGTH | SCHEDULED | RADIOGRAPHS | VARIED | {"folds"},
            needs=(*ONE_STAGE, "folds"),
            architectures=("opacity_cells",),
            lungs_taught=True,
        ),
    },
    networks={
        "opacity_cells": Architecture(
            builder="ai_engine.kinds.detector.cell_network:build_opacity_cells",
            channels_last=True,
        )
    },
)
