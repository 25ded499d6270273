"""Triage models loaded."""

from ai_engine.kinds.loading import Loading
from ai_engine.kinds.triage.triage import TriageModel


def load(loading: Loading) -> TriageModel:
    """Load a triage model, its guard and its channels.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, BackendError
        If a model isn't installed, is damaged or can't be converted, or none of its labels says
        whether a radiograph is normal.
    """
    return TriageModel(
        loading.card, loading.backend(), guard=loading.guard(), channels=loading.channels()
    )
