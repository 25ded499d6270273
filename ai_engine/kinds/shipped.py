"""Names of models that others ask for: those that come with the package, and paper 2's modules."""

from collections.abc import Mapping
from types import MappingProxyType

CHEST_MODEL = "chest-radiograph"
GUARD_MODEL = "frontal-chest-guard"
LUNG_MODEL = "lung-segmentation"

VETOES: Mapping[str, str] = MappingProxyType(
    {"paper2-xray-or-not": "X-ray", "paper2-type": "Chest"}
)
"""Paper 2's modules I and II, and what each must see. They guard only where they are active."""
