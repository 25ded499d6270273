"""What is known of a network's architecture before Keras is loaded."""

from collections.abc import Mapping
from dataclasses import dataclass, field

DENSENETS = ("densenet121", "densenet121_classes", "xray_or_not", "xray_type")
"""DenseNet-121 with one head or another: the layers below have the same names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Where an architecture's builder is, and what the builder takes.

    Attributes
    ----------
    builder
        ``module:function``, called with ``labels`` and ``size``; imported when a network is built,
        for it loads Keras.
    channels_last
        Whether it is built with channels last only (`ai_engine.models.layout`).
    channels
        The builder's word for the number of input channels; empty where it takes the radiograph
        alone.
    exclusive
        Whether its outputs are classes of which exactly one holds.
    starts
        Other architectures whose weights its training may start from, each with the function
        ``(given, fresh) -> tensors by path`` that says which tensors mean the same.
    looks_right
        By which part of itself a cell of the last map looks further right than where it lies.
        Convolutions of stride 2 that pad to the right and below alone (TensorFlow's "same") move
        what is seen up to half a cell; training takes some of that back, so it is measured.
    """

    builder: str
    channels_last: bool = False
    channels: str = ""
    exclusive: bool = False
    starts: Mapping[str, str] = field(default_factory=dict)
    looks_right: float = 0.0
