"""Classifiers with a linear head: a probability and a heat map for each label."""

from ai_engine.kinds.kind import ModelKind
from ai_engine.training.tasks import (
    EVERY,
    IMAGES,
    LABELS,
    ONE_STAGE,
    RADIOGRAPHS,
    RANKS,
    STAGES,
    STARTED,
    VARIED,
    TaskSpec,
    of_table,
)

TUNABLE = (
    "densenet121",
    "efficientnet_lite2",
    "efficientnet_lite2_lungs",
    "efficientnet_lungs",
    "efficientnet_two_looks",
)
"""Networks that learn findings as a whole, and go on learning them."""

_FINDINGS = TaskSpec(
    trainer="ai_engine.kinds.classifier.findings_training:FindingsTrainer",
    reads=EVERY | RADIOGRAPHS | RANKS | VARIED | of_table("augmentation", "mixup") | STAGES
    | {"stages.validate_every", "half_precision", "imagenet", "label_smoothing"}
    | {"auxiliary_labels", "auxiliary_weight", "attribute_weight", "average_decay"}
    | {"gradient_norm", "dropout", "fixed_moments", "flip_averaging"},
    needs=("labels", "stages"),
    architectures=TUNABLE,
    steps_by_hand=True,
    instead_of_start="dicom-node models finetune goes on with an active model",
)  # fmt: skip
_PROBE = TaskSpec(
    trainer="ai_engine.kinds.classifier.probing:ProbeTrainer",
    reads=(EVERY | RADIOGRAPHS | {"flip_averaging", "imagenet"}) - {"batch_size"},
    needs=("labels", "input_size"),
    architectures=("efficientnet_lungs",),
    lungs_taught=True,
)
_ATTEND = TaskSpec(
    trainer="ai_engine.kinds.classifier.attending:AttendingTrainer",
    reads=(EVERY | RADIOGRAPHS | {"flip_averaging", "start_from", "weight_decay"}) - {"batch_size"},
    needs=("labels", "input_size", "start_from"),
    architectures=("efficientnet_lite2_lungs",),
    lungs_taught=True,
)
_JOIN = TaskSpec(
    trainer="ai_engine.kinds.classifier.joining:JoiningTrainer",
    reads=(EVERY | RADIOGRAPHS | RANKS | {"flip_averaging", "start_from", "beside"})
    - {"batch_size"},
    needs=("labels", "input_size", "start_from", "beside"),
    architectures=("efficientnet_two_looks",),
)
_CLASS_PROBE = TaskSpec(
    trainer="ai_engine.kinds.classifier.class_probing:ClassProbeTrainer",
    reads=(EVERY | RADIOGRAPHS | {"flip_averaging"}) - {"batch_size"},
    needs=("labels", "input_size"),
    architectures=("efficientnet_lite2_classes",),
    exclusive=True,
)
_CLASSES = TaskSpec(
    trainer="ai_engine.kinds.image_training:ImageTrainer",
    reads=IMAGES | STARTED,
    needs=ONE_STAGE,
    exclusive=True,
)

CLASSIFIER = ModelKind(
    name="classifier",
    has_findings=True,
    predictor="ai_engine.kinds.classifier.loading:load",
    guard="ai_engine.kinds.classifier.loading:load_guard",
    scorer="ai_engine.kinds.classifier.loading:load_scorer",
    evaluation="ai_engine.kinds.classifier.evaluation:evaluate",
    comparison="ai_engine.kinds.classifier.comparison:quality",
    training={
        "findings": _FINDINGS,
        "labels": LABELS,
        "classes": _CLASSES,
        "probe": _PROBE,
        "attend": _ATTEND,
        "join": _JOIN,
        "class-probe": _CLASS_PROBE,
    },
    tunable=frozenset(TUNABLE),
    is_calibrated=True,
    is_exported=True,
)
