"""Lung models loaded to outline lungs, or to make a channel for another model."""

from ai_engine.kinds.loading import Loading
from ai_engine.kinds.lungs.channel import LungChannel
from ai_engine.kinds.lungs.segmenter import LungSegmenter


def load_segmenter(loading: Loading) -> LungSegmenter:
    """Load a lung model.

    Raises
    ------
    ModelFolderError, BackendError
        If the model is damaged or can't be converted.
    """
    return LungSegmenter(loading.card, loading.backend())


def load_channel(loading: Loading) -> LungChannel:
    """Load it as what makes a channel; it raises what `load_segmenter` does."""
    return LungChannel(load_segmenter(loading))
