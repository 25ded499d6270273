"""The dual branch loaded to be served."""

from ai_engine.kinds.dual_view.predictor import DualViewPredictor, branch_heads
from ai_engine.kinds.loading import Loading


def load(loading: Loading) -> DualViewPredictor:
    """Load a trained dual branch, its guard and its channels.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, BackendError
        If the weights aren't those of the card or aren't a dual branch's, or another model that it
        needs isn't there.
    """
    return DualViewPredictor(
        loading.card,
        loading.network(),
        heads=branch_heads(loading.card),
        guard=loading.guard(),
        channels=loading.channels(),
    )
