"""The public DenseNet-121 weights that people have: their labels and the input they expect."""

import dataclasses
import math
from dataclasses import dataclass

from ai_engine.errors import WeightImportError
from ai_engine.library.card import Label
from ai_engine.library.labels import FINDINGS, site_of

DEFAULT_THRESHOLD = 0.5

NEVER_REACHED = 1.0
"""The threshold of an output that nobody has trained: it gives 0.5, or chance."""

NIH_LABELS = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
    "Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening",
    "Hernia",
)  # fmt: skip
"""CheXNet's outputs, in the order of NIH ChestX-ray14."""

XRAYVISION_LABELS = (
    "Atelectasis", "Consolidation", "Infiltration", "Pneumothorax", "Edema", "Emphysema",
    "Fibrosis", "Effusion", "Pneumonia", "Pleural_Thickening", "Cardiomegaly", "Nodule", "Mass",
    "Hernia", "Lung Lesion", "Fracture", "Lung Opacity", "Enlarged Cardiomediastinum",
)  # fmt: skip
"""torchxrayvision's 18 outputs in the order of its ``default_pathologies``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProfile:
    """A family of public weights.

    ``input_scale`` is how many units of their input are one of ours, which has mean 0 and
    variance 1; ``expects`` and ``attribution`` are words for the card.
    """

    name: str
    labels: tuple[str, ...]
    input_size: int
    input_scale: float
    expects: str
    attribution: str


CHEXNET = SourceProfile(
    name="chexnet",
    labels=NIH_LABELS,
    input_size=224,
    input_scale=1.0,
    expects="images normalised with ImageNet's mean and deviation",
    attribution="""P. Rajpurkar et al., CheXNet: Radiologist-Level Pneumonia Detection on Chest \
X-Rays with Deep Learning, arXiv:1711.05225, 2017; trained on NIH ChestX-ray14.""",
)

XRAYVISION = SourceProfile(
    name="torchxrayvision",
    labels=XRAYVISION_LABELS,
    input_size=224,
    # Its images reach from -1024 to 1024. One whose grey values spread over that range with a
    # deviation of a quarter of it becomes ours by division through 512.
    input_scale=512.0,
    expects="images scaled to the range from -1024 to 1024",
    attribution="""J. P. Cohen et al., TorchXRayVision: A library of chest X-ray datasets and \
models, MIDL 2022.""",
)

PROFILES = {profile.name: profile for profile in (CHEXNET, XRAYVISION)}


def profile_named(name: str) -> SourceProfile:
    """A family of weights by name.

    Raises
    ------
    WeightImportError
        If it is unknown.
    """
    if name not in PROFILES:
        known = ", ".join(sorted(PROFILES))
        raise WeightImportError(f"weights of kind {name!r} are unknown; known are {known}")
    return PROFILES[name]


def with_labels(profile: SourceProfile, labels: tuple[str, ...]) -> SourceProfile:
    """The same family with a head of one's own."""
    return dataclasses.replace(profile, labels=labels)


def card_labels(names: tuple[str, ...], thresholds: tuple[float, ...] | None) -> tuple[Label, ...]:
    """The labels of a draft card.

    Parameters
    ----------
    names
        The outputs in order.
    thresholds
        Operating points that came with the weights; None for all becomes 0.5. Where others have
        one, NaN stands for an output that was not trained (torchxrayvision's weights of one data
        set): its threshold is never reached.

    Raises
    ------
    WeightImportError
        If there is another number of thresholds than of names.
    """
    points = thresholds or (math.nan,) * len(names)
    if len(points) != len(names):
        raise WeightImportError(
            f"{len(points)} operating points came with the weights for {len(names)} labels; "
            "check the list of labels"
        )
    unknown = DEFAULT_THRESHOLD if thresholds is None else NEVER_REACHED
    return tuple(
        _label(name, unknown if math.isnan(point) else point)
        for name, point in zip(names, points, strict=True)
    )


def untrained(names: tuple[str, ...], thresholds: tuple[float, ...] | None) -> tuple[str, ...]:
    """The outputs that came without an operating point, although others have one."""
    return tuple(
        name for name, point in zip(names, thresholds or (), strict=False) if math.isnan(point)
    )


def _label(name: str, threshold: float) -> Label:
    code = FINDINGS.get(name)
    return Label(
        name=name,
        title=name.replace("_", " ") if code is None else code.meaning,
        threshold=threshold,
        code=code,
        site=None if code is None else site_of(name),
    )
