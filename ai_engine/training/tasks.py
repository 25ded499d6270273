"""What each task reads of a recipe: a setting that nothing reads would only seem to matter.

Settings of tables are named with the table: ``augmentation.flip``, ``stages.size``.
"""

from dataclasses import dataclass

from ai_engine.training.recipe import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """What a recipe of a task may say.

    ``needs`` are settings without which nothing can be trained; ``kinds`` what the model may be
    for, usually the first; ``architectures`` those that the task is written for, all without any.
    """

    reads: frozenset[str]
    needs: tuple[str, ...]
    kinds: tuple[str, ...]
    architectures: tuple[str, ...] = ()


def _of(table: str, *names: str) -> frozenset[str]:
    return frozenset({table, *(f"{table}.{name}" for name in names)})


_EVERY = frozenset(
    {"name", "model", "paper", "kind", "task", "architecture", "input_size", "batch_size", "seed"}
)
_LENGTH = frozenset({"epochs", "learning_rate"})
_SCHEDULED = _LENGTH | {
    *("optimizer", "weight_decay", "momentum", "beta_1", "beta_2"),
    *("schedule", "factor", "patience", "half_precision"),
}
_CHOSEN = _SCHEDULED | {"stop_after"}
"""Of networks whose validation loss steers the schedule and chooses the epoch."""

_RADIOGRAPHS = frozenset({"labels", "layout", "center_crop"})
_STARTED = frozenset({"start_from", "imagenet"})
_MOVED = _of("augmentation", "flip", "rotation", "zoom", "aspect", "shift")
_GREY = _of("augmentation", "gamma", "contrast", "blur", "noise")
_VARIED = _MOVED | _GREY | _of("augmentation", "erase")
_STAGES = _of(
    "stages",
    *("size", "epochs", "learning_rate", "warm_up_epochs", "final_learning_rate", "weight_decay"),
)
_IMAGES = _EVERY | _CHOSEN | _RADIOGRAPHS | _VARIED | {"steps_per_epoch"}
_ONE_STAGE = ("labels", "input_size", "batch_size", "epochs", "learning_rate")

TASKS: dict[Task, TaskSpec] = {
    Task.FINDINGS: TaskSpec(
        reads=_EVERY | _RADIOGRAPHS | _VARIED | _of("augmentation", "mixup") | _STAGES
        | {"stages.validate_every", "half_precision", "imagenet", "label_smoothing"}
        | {"auxiliary_labels", "auxiliary_weight", "attribute_weight", "average_decay"}
        | {"gradient_norm", "dropout", "fixed_moments", "flip_averaging"},
        needs=("labels", "stages"),
        kinds=("classifier",),
        architectures=("densenet121", "efficientnet_lite2"),
    ),
    Task.GUARD: TaskSpec(
        reads=_EVERY | _VARIED | _STAGES
        | {"layout", "center_crop", "half_precision", "label_smoothing", "flip_averaging"},
        needs=("stages",),
        kinds=("guard",),
        architectures=("guardnet",),
    ),
    Task.LABELS: TaskSpec(
        reads=_IMAGES | _STARTED | {"channels"},
        needs=_ONE_STAGE,
        kinds=("classifier", "triage"),
    ),
    Task.CLASSES: TaskSpec(
        reads=_IMAGES | _STARTED, needs=_ONE_STAGE, kinds=("classifier",)
    ),
    Task.VIEW_PAIRS: TaskSpec(
        reads=_IMAGES | _STARTED | {"channels"},
        needs=_ONE_STAGE,
        kinds=("dual-view",),
        architectures=("dual_branch",),
    ),
    Task.CLASSES_WITH_HEADER: TaskSpec(
        reads=_IMAGES | {"head_epochs", "head_learning_rate"},
        needs=(*_ONE_STAGE, "head_epochs", "head_learning_rate"),
        kinds=("classifier-with-header",),
    ),
    Task.BOXES: TaskSpec(
        reads=(_EVERY | _CHOSEN | _RADIOGRAPHS | _VARIED) - {"half_precision"},
        needs=_ONE_STAGE,
        kinds=("detector",),
        architectures=("retinanet",),
    ),
    Task.MASK: TaskSpec(
        reads=_EVERY | _SCHEDULED | _STARTED | _MOVED | _GREY
        | {"labels", "folds", "doubtful", "elastic", "air"},
        needs=_ONE_STAGE,
        kinds=("segmenter",),
        architectures=("unet_lite2", "unet_vgg16", "unet_vgg16_quarter"),
    ),
    Task.CT_MASK: TaskSpec(
        reads=_EVERY | _CHOSEN | _of("augmentation", "rotation", "zoom", "shift")
        | {"labels", "steps_per_epoch"},
        needs=_ONE_STAGE,
        kinds=("segmenter-ct",),
        architectures=("xnet",),
    ),
    Task.BONES: TaskSpec(
        reads=_EVERY | _LENGTH | _MOVED | {"labels", "discriminator_rate", "distance_weight"},
        needs=(*_ONE_STAGE, "discriminator_rate", "distance_weight"),
        kinds=("bone-subtraction",),
        architectures=("bone_generator", "bone_generator_small"),
    ),
}  # fmt: skip
