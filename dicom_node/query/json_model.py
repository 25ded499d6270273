"""Entities that are kept in the DICOM JSON Model (PS3.18 Annex F), as the matching sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.tag import BaseTag

from dicom_node.query.matching import Entity

JsonAttributes = dict[str, dict[str, Any]]
_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


@dataclass(frozen=True, slots=True)
class JsonEntity:
    """An entity by its attributes in the DICOM JSON Model."""

    attributes: JsonAttributes

    def texts(self, tag: BaseTag) -> Sequence[str]:
        """Return the values of an attribute as texts."""
        element = self.attributes.get(f"{tag:08X}", {})
        if element.get("vr") == "SQ":
            return ()
        return [_text(value) for value in element.get("Value", ()) if value is not None]

    def items(self, tag: BaseTag) -> Sequence[Entity]:
        """Return the items of a sequence."""
        element = self.attributes.get(f"{tag:08X}", {})
        if element.get("vr") != "SQ":
            return ()
        return [JsonEntity(item) for item in element.get("Value", ())]


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return "=".join(value.get(group, "") for group in _GROUPS).rstrip("=")
    return str(value)
