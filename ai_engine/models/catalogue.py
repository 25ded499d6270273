"""Architectures by the name that model cards and recipes use.

The builders are imported only when asked for: they load Keras, which a running node doesn't need.
"""

from importlib import import_module
from typing import Any

from ai_engine.errors import ModelFolderError

BUILDERS = {
    "densenet121": ("ai_engine.models.densenet", "build_densenet121"),
    "efficientnet_lite2": ("ai_engine.models.efficientnet_lite", "build_efficientnet_lite2"),
    "guardnet": ("ai_engine.models.guardnet", "build_guardnet"),
    "xnet": ("ai_engine.models.xnet", "build_xnet"),
}


def build(architecture: str, *, labels: int, size: int | None, **options: Any) -> Any:
    """Build a Keras model with fresh weights on the process's Keras backend.

    ``options`` are those that the architecture's builder takes beside labels and size.

    Raises
    ------
    ModelFolderError
        If no architecture has that name.
    """
    if architecture not in BUILDERS:
        known = ", ".join(sorted(BUILDERS))
        raise ModelFolderError(f"architecture {architecture!r} is unknown; known are {known}")
    module, function = BUILDERS[architecture]
    return getattr(import_module(module), function)(labels=labels, size=size, **options)
