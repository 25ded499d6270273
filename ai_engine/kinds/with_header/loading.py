"""Paper 4's classifier loaded to be served."""

from ai_engine.inference.explain import head_kernel
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.with_header.predictor import OpacityClassifier, OpacityPredictor


def load_classifier(loading: Loading) -> OpacityClassifier:
    """Load paper 4's classifier past its guard.

    Raises
    ------
    ModelFolderError, BackendError
        If the model is damaged or can't be converted.
    """
    return OpacityClassifier(loading.card, loading.network(), head=head_kernel(loading.card))


def load(loading: Loading) -> OpacityPredictor:
    """Load it and its guard; it raises what `load_classifier` does, and ModelNotFoundError."""
    return OpacityPredictor(load_classifier(loading), guard=loading.guard())
