"""What a model is given of a radiograph: the same wherever it runs."""

import numpy as np

from ai_engine.cards import ModelCard
from ai_engine.inference.backend import FloatArray
from ai_engine.preprocessing.geometry import ModelView, letterbox
from ai_engine.preprocessing.radiograph import Radiograph


def model_view(card: ModelCard, radiograph: Radiograph) -> ModelView:
    """The exposed part of a radiograph at the model's input size."""
    return letterbox(
        radiograph.pixels,
        size=card.input_size,
        content=radiograph.content,
        aspect_ratio=radiograph.aspect_ratio,
    )


def model_batch(card: ModelCard, view: ModelView) -> FloatArray:
    """A view, and its mirror image where the model averages both: float32 (n, size, size, 1)."""
    values = [view.values]
    if card.flip_averaging:
        values.append(view.values[:, ::-1])
    return np.stack(values)[..., np.newaxis]
