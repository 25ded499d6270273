"""Guards loaded: the chest's with its vetoes, and classifiers that guard by what they see."""

from collections.abc import Iterator, Mapping

from ai_engine.inference.backend import Backend
from ai_engine.inference.shared_trunk import HeadBackend, RememberingBackend, share_trunk
from ai_engine.kinds.class_guard import ClassGuard
from ai_engine.kinds.guard.guard import Appearance, ChestGuard
from ai_engine.kinds.guard.veto import LastView, Veto
from ai_engine.kinds.guarding import Guard
from ai_engine.kinds.loading import Loading
from ai_engine.kinds.shipped import VETOES
from ai_engine.library.card import ModelCard
from ai_engine.library.registry import verify_weights


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
    expected = {name: what for name, what in VETOES.items() if name in loading.versions}
    modules = {name: loading.registry.active(loading.versions, name) for name in expected}
    shared = share_trunk(tuple(modules.values()))
    views = LastView(next(iter(modules.values()))) if shared else None
    for name, backend in _backends(loading, modules).items():
        yield Veto(modules[name], backend, expected=expected[name], views=views)


def _backends(loading: Loading, modules: Mapping[str, ModelCard]) -> dict[str, Backend]:
    """What runs each module: heads on one trunk go through it once for each image."""
    cards = tuple(modules.values())
    if not share_trunk(cards):
        return {name: loading.of(card).backend() for name, card in modules.items()}
    for card in cards:
        verify_weights(card)
    trunk = RememberingBackend(loading.of(cards[0]).backend())
    return {name: HeadBackend(card, trunk) for name, card in modules.items()}
