"""What a model is given of a radiograph: the same wherever it runs."""

from collections.abc import Sequence

import numpy as np

from ai_engine.inference.backend import FloatArray
from ai_engine.inference.input_channels import ChannelSource, stacked
from ai_engine.library.card import ModelCard
from ai_engine.preprocessing.geometry import FloatImage, ModelView, centered, fitted, letterbox
from ai_engine.preprocessing.harmonization import equalized
from ai_engine.preprocessing.radiograph import Radiograph


def model_view(card: ModelCard, radiograph: Radiograph) -> ModelView:
    """The exposed part of a radiograph at the model's input size, or the centre of it."""
    pixels = radiograph.pixels
    return letterbox(
        equalized(pixels, radiograph.content) if card.equalized else pixels,
        size=card.input_size,
        content=centered(radiograph.content, card.center_crop),
        aspect_ratio=radiograph.aspect_ratio,
    )


def model_image(
    card: ModelCard, radiograph: Radiograph, view: ModelView, sources: Sequence[ChannelSource] = ()
) -> FloatArray:
    """All channels of a view: float32 (size, size, 1, one of ranks, and one for each source)."""
    shown = {source.kind: _shown(card, radiograph, source) for source in sources}
    return stacked(view.values, view.mask, shown, ranks=card.ranks_beside)


def model_batch(card: ModelCard, image: FloatArray) -> FloatArray:
    """An image (size, size, channels), and its mirror image where the model averages both."""
    values = [image]
    if card.flip_averaging:
        values.append(image[:, ::-1])
    return np.stack(values)


def _shown(card: ModelCard, radiograph: Radiograph, source: ChannelSource) -> FloatImage:
    """What a source makes of a radiograph, on the view's grid."""
    return fitted(
        source.plane(radiograph),
        size=card.input_size,
        content=centered(radiograph.content, card.center_crop),
        aspect_ratio=radiograph.aspect_ratio,
    ).values
