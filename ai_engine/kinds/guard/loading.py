"""Guards loaded: the chest's with its vetoes, and classifiers that guard by what they see."""

from collections.abc import Iterator

from ai_engine.kinds.class_guard import ClassGuard
from ai_engine.kinds.guard.guard import Appearance, ChestGuard, Veto
from ai_engine.kinds.guarding import Guard
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.shipped import VETOES


def load(loading: Loading, sees: str = "") -> Guard:
    """Load a guard on OpenVINO: the chest's with those of `VETOES` that are active, or another.

    Parameters
    ----------
    sees
        The label that must be seen; the first without it.

    Raises
    ------
    ModelNotFoundError, ModelFolderError, BackendError
        If a model isn't installed, is damaged or can't be converted, or has no such label.
    """
    card = loading.card
    names = [label.name for label in card.labels]
    if names == [kind.name for kind in Appearance] and sees in ("", Appearance.FRONTAL.name):
        return ChestGuard(card, loading.backend(), tuple(_vetoes(loading)))
    return ClassGuard(card, loading.backend(), sees=sees)


def _vetoes(loading: Loading) -> Iterator[Veto]:
    for name, expected in VETOES.items():
        if name in loading.versions:
            module = loading.registry.active(loading.versions, name)
            yield Veto(module, loading.of(module).backend(), expected=expected)
