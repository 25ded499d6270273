"""What a network of somebody else takes and gives: the card's table ``[tensors]``.

Networks of this engine need none of it: they are built here, and their inputs are known.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Layout(StrEnum):
    """The order of an input's axes: cases, channels, rows, columns."""

    NCHW = "NCHW"
    NHWC = "NHWC"
    NHW = "NHW"


class Datatype(StrEnum):
    """What an input is made of, as the Open Inference Protocol spells it."""

    FP32 = "FP32"
    FP64 = "FP64"
    UINT8 = "UINT8"
    UINT16 = "UINT16"


class Scaling(StrEnum):
    """How grey values are written: from 0, black, to 1 before anything is done to them."""

    STANDARD = "standard"
    """Mean 0 and variance 1 over the image itself, as this engine's own networks see it."""
    UNIT = "unit"
    """As they are, 0 to 1."""
    BYTE = "byte"
    """0 to 255."""
    IMAGENET = "imagenet"
    """0 to 1, then ImageNet's mean and deviation of each channel."""
    XRAYVISION = "xrayvision"
    """-1024 to 1024, as torchxrayvision has it."""


class Fit(StrEnum):
    """How an image becomes a square."""

    LETTERBOX = "letterbox"
    """Whole and in its shape, black beside it."""
    STRETCH = "stretch"
    """Whole, each side by a factor of its own."""
    CENTER = "center"
    """The largest square in its middle."""


class Shown(StrEnum):
    """Which part of an image is shown."""

    EXPOSED = "exposed"
    """What was exposed: without collimator shadows and uniform borders."""
    WHOLE = "whole"
    """All of it."""


class Activation(StrEnum):
    """What makes probabilities of an output."""

    NONE = "none"
    SIGMOID = "sigmoid"
    SOFTMAX = "softmax"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensors:
    """Names, shapes and values of a network's input and outputs.

    Attributes
    ----------
    input
        The input's name. It gets one image: float or integer, in ``layout``, with ``channels``
        that are all the same grey, `ModelCard.input_size` rows and columns.
    probabilities
        An output with one value for each label, in the card's order: (1, labels) or (labels,).
    heat_maps
        An output with a map for each label: (1, labels, rows, columns), or without the second axis
        where there is one label. Without ``probabilities`` it is a segmentation from 0 to 1: a
        label is as probable as its most probable pixel.
    boxes, scores
        Two outputs: (1, boxes, 4) with left, top, right and bottom in pixels of the input, and (1,
        boxes, labels) with the probability of each; or (1, boxes) where there is one label.
    """

    input: str
    probabilities: str = ""
    heat_maps: str = ""
    boxes: str = ""
    scores: str = ""
    layout: Layout = Layout.NCHW
    datatype: Datatype = Datatype.FP32
    channels: int = 1
    scaling: Scaling = Scaling.STANDARD
    fit: Fit = Fit.LETTERBOX
    shown: Shown = Shown.EXPOSED
    activation: Activation = Activation.NONE

    def __post_init__(self) -> None:
        """Refuse what no image could be made for, or no result of (ValueError)."""
        if not self.input:
            raise ValueError("tensors.input has no name")
        if not (self.probabilities or self.heat_maps or self.boxes):
            raise ValueError("tensors names no output: probabilities, heat_maps, or boxes")
        if bool(self.boxes) is not bool(self.scores):
            raise ValueError("tensors.boxes and tensors.scores go together: name both")
        if self.boxes and self.probabilities:
            raise ValueError("tensors names boxes and probabilities: a label has one of them")
        if self.channels not in (1, 3):
            raise ValueError(f"tensors.channels is {self.channels}, and may be 1 or 3")
        if self.layout is Layout.NHW and self.channels != 1:
            raise ValueError("tensors.layout NHW has no channels, so tensors.channels is 1")
        if self.datatype in WHOLE and self.scaling is not Scaling.BYTE:
            raise ValueError(f"tensors.datatype {self.datatype} needs tensors.scaling byte")
        if self.channels != 3 and self.scaling is Scaling.IMAGENET:
            raise ValueError("tensors.scaling imagenet needs tensors.channels 3")

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs that are asked for."""
        named = (self.probabilities, self.heat_maps, self.boxes, self.scores)
        return tuple(name for name in named if name)


WHOLE = frozenset({Datatype.UINT8, Datatype.UINT16})
"""Types of whole numbers."""

_WORDS = {
    "layout": Layout,
    "datatype": Datatype,
    "scaling": Scaling,
    "fit": Fit,
    "shown": Shown,
    "activation": Activation,
}


def read_tensors(table: dict[str, Any]) -> Tensors:
    """The table of a card.

    Raises
    ------
    TypeError, ValueError
        If a field is unknown, missing, or has a value that it can't have.
    """
    read = {key: _word(key, value) for key, value in table.items()}
    for key in ("input", "probabilities", "heat_maps", "boxes", "scores"):
        if not isinstance(read.get(key, ""), str):
            raise TypeError(f"tensors.{key} is no name")
    return Tensors(**read)


def _word(key: str, value: Any) -> Any:
    words = _WORDS.get(key)
    if words is None:
        return value
    known = [each.value for each in words]
    if value not in known:
        raise ValueError(f"tensors.{key} {value!r} is unknown; known are {', '.join(known)}")
    return words(value)
