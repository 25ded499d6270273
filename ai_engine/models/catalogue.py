"""Architectures by the name that model cards and recipes use.

The builders are imported only when asked for: they load Keras, which a running node doesn't need.
"""

import re
from collections.abc import Mapping
from pkgutil import resolve_name
from types import MappingProxyType
from typing import Any

from ai_engine.errors import ModelFolderError
from ai_engine.library.kinds import described_kinds
from ai_engine.models.architecture import Architecture

LITE2_LOOKS_RIGHT = 0.375
"""12 of 32 pixels: so far beside them do spots put into radiographs move chest-radiograph 2.0.0's
map, and maps of 122 images and of their mirror images agree best 0.74 of a cell apart."""


def _shared(module: str, builder: str, **takes: Any) -> Architecture:
    return Architecture(builder=f"ai_engine.models.{module}:{builder}", **takes)


SHARED: Mapping[str, Architecture] = MappingProxyType(
    {
        "alexnet": _shared("alexnet", "build_alexnet", channels_last=True),
        "densenet121": _shared("densenet", "build_densenet121", channels="channels"),
        "densenet121_classes": _shared("densenet", "build_densenet121_classes", exclusive=True),
        "efficientnet_lite2": _shared(
            "efficientnet_lite", "build_efficientnet_lite2", looks_right=LITE2_LOOKS_RIGHT
        ),
        "efficientnet_lite2_classes": _shared(
            "efficientnet_lite", "build_efficientnet_lite2_classes", exclusive=True
        ),
        "efficientnet_lite2_lungs": _shared(
            "efficientnet_lungs",
            "build_efficientnet_lite2_lungs",
            starts={"efficientnet_lite2": "ai_engine.models.start:with_lungs"},
            looks_right=LITE2_LOOKS_RIGHT,
        ),
        "efficientnet_lungs": _shared("efficientnet_lungs", "build_efficientnet_lungs"),
        "efficientnet_two_looks": _shared(
            "efficientnet_lungs",
            "build_efficientnet_two_looks",
            channels="channels",
            looks_right=LITE2_LOOKS_RIGHT,
        ),
        "efficientnetb4": _shared("efficientnet", "build_efficientnet_b4", channels_last=True),
        "resnet50": _shared("resnet", "build_resnet50", channels_last=True),
        "unet_lite2": _shared(
            "unet_lite",
            "build_unet_lite2",
            starts={
                "efficientnet_lite2": "ai_engine.models.start:with_encoder",
                "efficientnet_lite2_lungs": "ai_engine.models.start:with_encoder",
            },
        ),
        "unet_vgg16": _shared(
            "unet_vgg16",
            "build_unet_vgg16",
            starts={"vgg16": "ai_engine.models.start:with_encoder"},
        ),
        "unet_vgg16_quarter": _shared("unet_vgg16", "build_quarter_unet_vgg16"),
        "xception": _shared("xception", "build_xception", channels_last=True, exclusive=True),
        "xnet": _shared("xnet", "build_xnet"),
        "xnet_quarter": _shared("xnet", "build_quarter_xnet"),
        "xray_or_not": _shared("end_to_end", "build_xray_or_not", exclusive=True),
        "xray_type": _shared("end_to_end", "build_xray_type", exclusive=True),
    }
)
"""Those that kinds share or that nothing but comparisons uses; a kind's own are in its folder."""

_COLOURS = re.compile(r"\x1b\[\d+m")


def architectures() -> Mapping[str, Architecture]:
    """Every architecture, by name: the shared ones, and those of the kinds."""
    found = dict(SHARED)
    for kind in described_kinds():
        found |= kind.networks
    return found


def is_channels_last(architecture: str) -> bool:
    """Whether an architecture is built with channels last only."""
    return architecture in (known := architectures()) and known[architecture].channels_last


def looks_right(architecture: str) -> float:
    """By which part of a cell an architecture's last map looks further right than it lies."""
    return known[architecture].looks_right if architecture in (known := architectures()) else 0.0


def build(
    architecture: str, *, labels: int, size: int | None, channels: int = 1, **options: Any
) -> Any:
    """Build a Keras model with fresh weights on the process's Keras backend.

    ``channels`` are those of the radiograph's input, ``options`` what the architecture's builder
    takes beside.

    Raises
    ------
    ModelFolderError
        If no architecture has that name, it takes no further channels, or can't be built like this.
    """
    known = architectures()
    if architecture not in known:
        names = ", ".join(sorted(known))
        raise ModelFolderError(f"architecture {architecture!r} is unknown; known are {names}")
    found = known[architecture]
    if channels > 1:
        if not found.channels:
            takers = ", ".join(sorted(name for name, one in known.items() if one.channels))
            raise ModelFolderError(
                f"architecture {architecture!r} takes no channels beside the radiograph; these do: "
                f"{takers}"
            )
        options[found.channels] = channels
    builder = resolve_name(found.builder)
    try:
        return builder(labels=labels, size=size, **options)
    except ValueError as error:  # Keras: a pooling that nothing is left of, for example
        words = " ".join(_COLOURS.sub("", str(error)).split("\n\n")[:2]).strip()
        raise ModelFolderError(
            f"architecture {architecture!r} can't be built with {labels} labels at input_size "
            f"{size}: choose other ones ({words})"
        ) from error
