"""Training recipes: everything that decides what a training does, as data.

The shipped ones are the TOML files in ``recipes/`` beside this module (`recipe_file` reads them).
What a paper leaves out is taken from the publication it cites, and the file says so.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from ai_engine.datasets.layouts import AUTO
from ai_engine.library.card import ChannelKind
from ai_engine.training.tasks import TaskSpec, spec_of


class Schedule(StrEnum):
    """How the learning rate goes down from epoch to epoch."""

    CONSTANT = "constant"
    PLATEAU = "plateau"
    STEPS = "steps"
    COSINE = "cosine"


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """How far training images are varied. Probabilities are 0 to 1, spreads are half ranges.

    ``gamma``, ``contrast`` and ``level`` vary what devices vary (paper 1, section VII; paper 3's
    level adjustment); ``zoom`` and ``aspect`` are logarithmic, ``shift`` and the erased squares'
    sides are parts of the image's side, ``rotation`` is in degrees. What isn't named is off.
    """

    flip: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0
    aspect: float = 0.0
    shift: float = 0.0
    gamma: float = 0.0
    contrast: float = 0.0
    blur: float = 0.0
    noise: float = 0.0
    erase: float = 0.0
    mixup: float = 0.0


STILL = Augmentation()
"""No variation at all."""

VARIED = Augmentation(
    flip=0.5, rotation=12.0, zoom=0.15, aspect=0.1, shift=0.06,
    gamma=0.35, contrast=0.3, blur=0.3, noise=0.03, erase=0.4,
)  # fmt: skip
"""As far as frontal chest radiographs of one hospital are varied to serve others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Some epochs at one input size, with their own warm-up and cosine decay."""

    size: int
    epochs: int
    learning_rate: float
    warm_up_epochs: float = 0.0
    final_learning_rate: float = 0.01
    weight_decay: float = 0.02
    validate_every: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One way of training a model. Which tasks there are and what each reads, its kind says.

    ``model`` is the trained model's name where several recipes lead to one, else it's the recipe's;
    ``kind`` is what its card says that it is for, ``paper`` what the recipe reproduces. ``labels``
    are the network's outputs in order. ``steps_per_epoch`` of 0 goes through the training part
    once. With ``schedule`` ``plateau`` the rate is multiplied by ``factor`` after ``patience``
    epochs in which the validation loss did not fall (ReduceLROnPlateau), with ``steps`` every
    ``patience`` epochs; ``stop_after`` such epochs end the run, 0 never. ``half_precision``
    computes in bfloat16 on a CPU, which depthwise convolutions are slower in; on a GPU it is always
    float16, but for findings and guards, which are computed alike everywhere. ``imagenet`` starts
    from published weights, ``start_from`` from those of an installed model, name or name/version;
    ``beside`` is another one that it is joined with. ``layout`` is the data set's where its tables
    don't tell; ``channels`` are what the network is given beside the radiograph, made by installed
    models; ``center_crop`` is the part of each side of the exposed area that is shown,
    ``equalized`` shows ranks in place of grey values, ``ranks_beside`` as a second channel.

    Findings and guards are learned in ``stages`` instead of ``epochs`` at ``input_size``. For
    findings ``auxiliary_labels`` and the patient's sex, view and age (``attribute_weight``) are
    further targets that shape the features and are dropped afterwards; ``average_decay`` is of the
    running mean of the weights, which is what is kept; ``fixed_moments`` keeps the moments of batch
    normalisation as the weights that a training starts from have them. A head that
    learns to attend to the lungs is drawn by ``weight_decay`` to the one that it starts from.

    ``patch`` is the side of the parts of CT slices that are learned from, 0 the whole slices.
    ``folds`` cross-validates masks or boxes after training on everything; ``doubtful`` are images
    whose masks don't lie on what they show: nothing is learned from them, and figures are given
    with and without them. ``elastic`` is how far masks and images are bent, as a part of the side,
    ``air`` how often something beside the lungs becomes as dark as air. ``head_epochs`` and
    ``head_learning_rate`` are of the second stage, which joins classes with the header. A bone
    GAN trains ``epochs`` at each of its scales, its generator at ``learning_rate``, its
    discriminators at ``discriminator_rate``; ``distance_weight`` is what the distance to the real
    bones counts beside them.
    """

    name: str
    task: str
    architecture: str
    kind: str = "classifier"
    model: str = ""
    paper: str = ""
    labels: tuple[str, ...] = ()
    input_size: int = 384
    batch_size: int = 16
    seed: int = 1
    epochs: int = 0
    learning_rate: float = 0.0
    stages: tuple[Stage, ...] = ()
    steps_per_epoch: int = 0
    optimizer: str = "adam"
    weight_decay: float = 0.0
    momentum: float = 0.9
    beta_1: float = 0.9
    beta_2: float = 0.999
    schedule: Schedule = Schedule.CONSTANT
    factor: float = 0.1
    patience: int = 3
    stop_after: int = 0
    half_precision: bool = True
    imagenet: bool = False
    start_from: str = ""
    beside: str = ""
    layout: str = AUTO
    channels: tuple[ChannelKind, ...] = ()
    center_crop: float = 1.0
    equalized: bool = False
    ranks_beside: bool = False
    auxiliary_labels: tuple[str, ...] = ()
    auxiliary_weight: float = 0.15
    attribute_weight: float = 0.1
    label_smoothing: float = 0.05
    average_decay: float = 0.98
    gradient_norm: float = 5.0
    dropout: float = 0.0
    fixed_moments: bool = False
    flip_averaging: bool = True
    patch: int = 0
    folds: int = 0
    doubtful: tuple[str, ...] = ()
    elastic: float = 0.0
    air: float = 0.0
    discriminator_rate: float = 0.0
    distance_weight: float = 0.0
    head_epochs: int = 0
    head_learning_rate: float = 0.0
    augmentation: Augmentation = field(default=STILL)

    @property
    def model_name(self) -> str:
        """What the trained model is called."""
        return self.model or self.name

    @property
    def planes(self) -> int:
        """How many channels the network's input has."""
        return 1 + self.ranks_beside + len(self.channels)

    @property
    def spec(self) -> TaskSpec:
        """What its task is, for its kind."""
        return spec_of(self.kind, self.task)

    @property
    def exclusive(self) -> bool:
        """Whether exactly one of the labels holds."""
        return self.spec.exclusive
