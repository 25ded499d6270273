"""Which trainer learns each task. Trainers load TensorFlow, so they are imported when asked for."""

from importlib import import_module

from ai_engine.training.publishing import PublishedTrainer
from ai_engine.training.recipe import Task

TRAINERS = {
    Task.FINDINGS: "ai_engine.kinds.classifier.findings_training:FindingsTrainer",
    Task.GUARD: "ai_engine.kinds.guard.training:GuardTrainer",
    Task.LABELS: "ai_engine.kinds.image_training:ImageTrainer",
    Task.CLASSES: "ai_engine.kinds.image_training:ImageTrainer",
    Task.VIEW_PAIRS: "ai_engine.kinds.dual_view.training:PairTrainer",
    Task.CLASSES_WITH_HEADER: "ai_engine.kinds.with_header.training:HeaderTrainer",
    Task.BOXES: "ai_engine.kinds.detector.training:BoxTrainer",
    Task.MASK: "ai_engine.kinds.lungs.training:MaskTrainer",
    Task.CT_MASK: "ai_engine.ct.slice_training:SliceTrainer",
    Task.BONES: "ai_engine.kinds.bones.training:BoneTrainer",
}


def load_trainer(task: Task) -> type[PublishedTrainer]:
    """The trainer of a task."""
    module, name = TRAINERS[task].split(":")
    found: type[PublishedTrainer] = getattr(import_module(module), name)
    return found
