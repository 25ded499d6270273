"""Classifiers loaded to be served, or to be measured beside others."""

from dataclasses import replace

from ai_engine.inference.choice import DEFAULT
from ai_engine.inference.explain import head_kernel
from ai_engine.kinds.class_guard import ClassGuard
from ai_engine.kinds.classifier.predictor import ChestRadiographPredictor
from ai_engine.kinds.classifier.scorer import Scorer
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.shipped import CHEST_MODEL


def load(loading: Loading) -> ChestRadiographPredictor:
    """Load a classifier, its guard and its channels.

    Only the chest model, whose deviation was measured, runs in another precision than float32.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, BackendError
        If a model isn't installed, is damaged or can't be converted, or the back end can't be used.
    """
    card = loading.card
    if card.name != CHEST_MODEL:
        plain = replace(loading.choice, precision=DEFAULT.precision)
        loading = replace(loading, choice=plain)
    return ChestRadiographPredictor(
        card,
        loading.chosen_backend(),
        head=head_kernel(card),
        guard=loading.guard(),
        channels=loading.channels(),
    )


def load_scorer(loading: Loading) -> Scorer:
    """Load a classifier past its guard, for its probabilities alone.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, BackendError
        If the model is damaged or can't be converted, or what makes its channels isn't there.
    """
    return Scorer(loading.card, loading.backend(), loading.channels())


def load_guard(loading: Loading, sees: str = "") -> ClassGuard:
    """Load a classifier whose classes exclude each other as the guard of another model.

    ``sees`` is the class that must be seen; the first without it.

    Raises
    ------
    ModelFolderError, BackendError
        If the model is damaged or can't be converted, or has no such class.
    """
    return ClassGuard(loading.card, loading.backend(), sees=sees)
