"""Bone generators loaded to be served, or to make a channel for another model."""

from ai_engine.kinds.bones.channel import BoneChannel
from ai_engine.kinds.bones.predictor import BonePredictor, BoneSubtractor
from ai_engine.kinds.loading import Loading


def load_subtractor(loading: Loading) -> BoneSubtractor:
    """Load a bone generator past its guard.

    Raises
    ------
    ModelFolderError, BackendError
        If the model is damaged or can't be converted.
    """
    return BoneSubtractor(loading.card, loading.network())


def load(loading: Loading) -> BonePredictor:
    """Load it and its guard; it raises what `load_subtractor` does, and ModelNotFoundError."""
    return BonePredictor(load_subtractor(loading), guard=loading.guard())


def load_channel(loading: Loading) -> BoneChannel:
    """Load it as what makes a channel; it raises what `load_subtractor` does."""
    return BoneChannel(load_subtractor(loading))
