"""Architectures by the name that model cards and recipes use.

The builders are imported only when asked for: they load Keras, which a running node doesn't need.
"""

import re
from importlib import import_module
from typing import Any

from ai_engine.errors import ModelFolderError

BUILDERS = {
    "alexnet": ("ai_engine.models.alexnet", "build_alexnet"),
    "bone_generator": ("ai_engine.kinds.bones.network", "build_served_generator"),
    "bone_generator_small": ("ai_engine.kinds.bones.network", "build_small_generator"),
    "densenet121": ("ai_engine.models.densenet", "build_densenet121"),
    "densenet121_classes": ("ai_engine.models.densenet", "build_densenet121_classes"),
    "dual_branch": ("ai_engine.kinds.dual_view.network", "build_dual_branch"),
    "efficientnet_lite2": ("ai_engine.models.efficientnet_lite", "build_efficientnet_lite2"),
    "efficientnetb4": ("ai_engine.models.efficientnet", "build_efficientnet_b4"),
    "guardnet": ("ai_engine.kinds.guard.network", "build_guardnet"),
    "resnet50": ("ai_engine.models.resnet", "build_resnet50"),
    "unet_lite2": ("ai_engine.models.unet_lite", "build_unet_lite2"),
    "unet_vgg16": ("ai_engine.models.unet_vgg16", "build_unet_vgg16"),
    "unet_vgg16_quarter": ("ai_engine.models.unet_vgg16", "build_quarter_unet_vgg16"),
    "xception": ("ai_engine.models.xception", "build_xception"),
    "xception_with_header": ("ai_engine.kinds.with_header.network", "build_opacity_classifier"),
    "xnet": ("ai_engine.models.xnet", "build_xnet"),
    "xray_or_not": ("ai_engine.models.end_to_end", "build_xray_or_not"),
    "xray_type": ("ai_engine.models.end_to_end", "build_xray_type"),
}

CHANNELS_LAST = frozenset(
    {
        *("alexnet", "bone_generator", "bone_generator_small", "dual_branch", "efficientnetb4"),
        *("resnet50", "xception", "xception_with_header"),
    }
)
"""Architectures that are built with channels last only (`ai_engine.models.layout`)."""


_COLOURS = re.compile(r"\x1b\[\d+m")

CHANNELS = {"densenet121": "channels", "dual_branch": "frontal_channels"}
"""Architectures that take channels beside the radiograph, and their builders' word for it."""


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
    if architecture not in BUILDERS:
        known = ", ".join(sorted(BUILDERS))
        raise ModelFolderError(f"architecture {architecture!r} is unknown; known are {known}")
    if channels > 1:
        if architecture not in CHANNELS:
            takers = ", ".join(sorted(CHANNELS))
            raise ModelFolderError(
                f"architecture {architecture!r} takes no channels beside the radiograph; these do: "
                f"{takers}"
            )
        options[CHANNELS[architecture]] = channels
    module, function = BUILDERS[architecture]
    builder = getattr(import_module(module), function)
    try:
        return builder(labels=labels, size=size, **options)
    except ValueError as error:  # Keras: a pooling that nothing is left of, for example
        words = " ".join(_COLOURS.sub("", str(error)).split("\n\n")[:2]).strip()
        raise ModelFolderError(
            f"architecture {architecture!r} can't be built with {labels} labels at input_size "
            f"{size}: choose other ones ({words})"
        ) from error
