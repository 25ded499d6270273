"""Paper 2's three classifiers, all DenseNet-121 at 224 x 224, and how they were trained.

Module I tells X-ray images from others, module II their type, module III finds abnormalities on
chest radiographs. The paper names "CheXNet's customised variant of DenseNet-121": CheXNet changes
only the head (Rajpurkar et al., 2017), one sigmoid for each label. Modules I and II tell classes
apart of which one holds; the paper states no loss for them, and softmax is what that needs.

Importing this module loads no Keras; building does.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

INPUT_SIZE = 224

IMAGE_KINDS = ("X-ray", "not X-ray")
"""Outputs of module I, in the order of table II."""

XRAY_TYPES = MappingProxyType(
    {
        "Spine": 609,
        "Elbow": 5396,
        "Finger": 5567,
        "Forearm": 2126,
        "Hand": 6003,
        "Wrist": 10411,
        "Knee": 534,
        "Foot": 348,
        "Ankle": 322,
        "Hip": 94,
        "Humerus": 1560,
        "Shoulder": 9054,
        "Dental": 1500,
        "Chest": 11001,
    }
)
"""Outputs of module II in the order of table I, with the number of images of each type there."""

TABLE_I_TOTAL = 54_525
"""The total that table I prints; its own counts sum up to the same."""

CHEST_LABELS = (
    "Atelectasis",
    "Cardiomegaly",
    "Effusion",
    "Infiltration",
    "Mass",
    "Nodule",
    "Pneumonia",
    "Pneumothorax",
    "Consolidation",
    "Edema",
    "Emphysema",
    "Fibrosis",
    "Pleural_Thickening",
    "Hernia",
)
"""Outputs of module III in the order of table III, named as NIH ChestX-ray14 names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSettings:
    """How one of the paper's networks was trained.

    ``optimizer`` is a name that `ai_engine.training.optimizers.build_optimizer` knows.
    ``plateau_factor`` and ``plateau_patience`` are those of ReduceLROnPlateau on the validation
    loss.
    """

    optimizer: str
    learning_rate: float
    weight_decay: float
    epochs: int
    beta_1: float = 0.9
    beta_2: float = 0.999
    plateau_factor: float = 0.1
    plateau_patience: int = 3
    shares: tuple[float, float, float] | None = None


TYPE_TRAINING = TrainingSettings(
    optimizer="adam", learning_rate=1e-3, weight_decay=1e-5, epochs=10, shares=(0.7, 0.2, 0.1)
)
"""Modules I and II (sections III-A and III-B): also the shares of training, validation, test."""

CHEST_TRAINING = TrainingSettings(
    optimizer="radam", learning_rate=1e-4, weight_decay=3e-4, epochs=20
)
"""Module III (section III-C)."""


def build_xray_or_not(*, labels: int = len(IMAGE_KINDS), size: int = INPUT_SIZE) -> Any:
    """Build module I: probabilities (n, 2) in the order of `IMAGE_KINDS`, and the feature map."""
    return _build_exclusive(labels, size, "xray_or_not")


def build_xray_type(*, labels: int = len(XRAY_TYPES), size: int = INPUT_SIZE) -> Any:
    """Build module II: probabilities (n, 14) in the order of `XRAY_TYPES`, and the feature map."""
    return _build_exclusive(labels, size, "xray_type")


def build_chest_abnormalities(*, labels: int = len(CHEST_LABELS), size: int = INPUT_SIZE) -> Any:
    """Build module III: probabilities (n, 14) in the order of `CHEST_LABELS`, and the map."""
    from ai_engine.models.densenet import build_densenet121  # noqa: PLC0415 - loads Keras

    return build_densenet121(labels=labels, size=size)


def _build_exclusive(labels: int, size: int, name: str) -> Any:
    """DenseNet-121 whose probabilities (n, labels) sum to 1; input float32 (n, size, size, 1)."""
    import keras  # noqa: PLC0415 - the tables above are also read where no Keras is loaded

    from ai_engine.models.densenet import build_densenet121_classes  # noqa: PLC0415 - the same

    base = build_densenet121_classes(labels=labels, size=size)
    return keras.Model(base.input, base.output, name=name)
