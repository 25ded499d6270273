"""What a kind's models can learn, and what a recipe may say of it.

A kind names its tasks in its description (`ai_engine.kinds.kind.ModelKind`); what several tasks
read alike is named here. A setting that nothing reads would only seem to matter, so a recipe may
not hold it. Settings of tables are named with the table: ``augmentation.flip``, ``stages.size``.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ai_engine.library.kinds import described_kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSpec:
    """What a network of a kind learns, which decides its batches and its loss.

    Attributes
    ----------
    trainer
        ``module:class`` of a `PublishedTrainer`; imported when it trains, for it loads TensorFlow.
    reads
        The settings of a recipe that the trainer reads.
    needs
        Those of them without which nothing can be trained.
    architectures
        Those that the task is written for; all without any.
    exclusive
        Whether exactly one of the labels holds.
    frontal_only
        Whether lateral radiographs are left out.
    one_stage
        Whether there is exactly one of the stages, at the input size.
    steps_by_hand
        Whether the trainer makes its steps itself, without scaling the losses as float16 needs.
    lungs_taught
        Whether the active lung model teaches where lungs are.
    instead_of_start
        What to do where a start from another model is asked for and not read, in words.
    """

    trainer: str
    reads: frozenset[str]
    needs: tuple[str, ...]
    architectures: tuple[str, ...] = ()
    exclusive: bool = False
    frontal_only: bool = False
    one_stage: bool = False
    steps_by_hand: bool = False
    lungs_taught: bool = False
    instead_of_start: str = ""


def specs_of(task: str) -> dict[str, TaskSpec]:
    """A task by the kinds of models that learn it, the usual kind first; none if it is unknown."""
    return {kind.name: kind.training[task] for kind in described_kinds() if task in kind.training}


def spec_of(kind: str, task: str) -> TaskSpec:
    """A kind's task.

    Raises
    ------
    KeyError
        If no such kind learns it; a recipe that was read names one that does.
    """
    return specs_of(task)[kind]


def tasks() -> Mapping[str, dict[str, TaskSpec]]:
    """Every task by its name, and by the kinds that learn it."""
    names = dict.fromkeys(name for kind in described_kinds() for name in kind.training)
    return {name: specs_of(name) for name in names}


def of_table(table: str, *names: str) -> frozenset[str]:
    """The settings of a table, and the table itself."""
    return frozenset({table, *(f"{table}.{name}" for name in names)})


EVERY = frozenset(
    {"name", "model", "paper", "kind", "task", "architecture", "input_size", "batch_size", "seed"}
)
LENGTH = frozenset({"epochs", "learning_rate"})
SCHEDULED = LENGTH | {
    *("optimizer", "weight_decay", "momentum", "beta_1", "beta_2"),
    *("schedule", "factor", "patience", "half_precision"),
}
CHOSEN = SCHEDULED | {"stop_after"}
"""Of networks whose validation loss steers the schedule and chooses the epoch."""

RADIOGRAPHS = frozenset({"labels", "layout", "center_crop", "equalized"})
RANKS = frozenset({"ranks_beside"})
"""Of tasks whose batches, and whose kinds' predictors, have ranks as a second channel."""
STARTED = frozenset({"start_from", "imagenet"})
MOVED = of_table("augmentation", "flip", "rotation", "zoom", "aspect", "shift")
GREY = of_table("augmentation", "gamma", "contrast", "blur", "noise")
VARIED = MOVED | GREY | of_table("augmentation", "erase")
STAGES = of_table(
    "stages",
    *("size", "epochs", "learning_rate", "warm_up_epochs", "final_learning_rate", "weight_decay"),
)
IMAGES = EVERY | CHOSEN | RADIOGRAPHS | VARIED | {"steps_per_epoch"}
ONE_STAGE = ("labels", "input_size", "batch_size", "epochs", "learning_rate")

LABELS = TaskSpec(
    trainer="ai_engine.kinds.image_training:ImageTrainer",
    reads=IMAGES | STARTED | RANKS | {"channels"},
    needs=ONE_STAGE,
    frontal_only=True,
)
"""Labels of single frontal radiographs, for any kind that looks at one image."""
