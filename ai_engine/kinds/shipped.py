"""Names of models that others ask for: those that come with the package, and paper 2's modules."""

from collections.abc import Mapping
from types import MappingProxyType

from ai_engine.library.card import UNGUARDED, ModelCard

CHEST_MODEL = "chest-radiograph"
GUARD_MODEL = "frontal-chest-guard"
LUNG_MODEL = "lung-segmentation"

VETOES: Mapping[str, str] = MappingProxyType(
    {"paper2-xray-or-not": "X-ray", "paper2-type": "Chest", "chest-view": "Frontal"}
)
"""Paper 2's modules I and II, then the view, and what each must see. They guard where active."""


def guards_of(card: ModelCard, versions: Mapping[str, str]) -> tuple[str, ...]:
    """The models that decide what another one sees: its guard, and those that have a veto."""
    if card.guard == UNGUARDED:
        return ()
    return (card.guard, *(name for name in VETOES if name in versions))
