"""The DICOM JSON Model (PS3.18 Annex F): data sets in it, and its entities as matching sees them.

pydicom's own methods raise where one of several numbers or names is empty, read a null back as what
would be written as the word None, and cut an Integer String of 2.5 to 2.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom import DataElement, Dataset
from pydicom.tag import BaseTag

from dicom_node.query.matching import Entity

JsonAttributes = dict[str, dict[str, Any]]
GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
"""Component groups of a person's name, in their order (PS3.18 Section F.2.2)."""
_WRITTEN_NUMBERS = frozenset({"DS", "IS"})
_EMPTY = (None, "")


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
        return "=".join(value.get(group, "") for group in GROUPS).rstrip("=")
    return str(value)


def in_json(dataset: Dataset) -> JsonAttributes:
    """Return a data set in the JSON Model; null stands for an empty value (Section F.2.5).

    Raises
    ------
    AttributeError, LookupError, NotImplementedError, OverflowError, TypeError, ValueError
        A value cannot be said: `dicom_node.query.reading.UNREADABLE` names all.
    """
    return {f"{element.tag:08X}": element_in_json(element, in_json) for element in dataset}


def element_in_json(
    element: DataElement, item_in_json: Callable[[Dataset], JsonAttributes]
) -> dict[str, Any]:
    """Return an element in the JSON Model, its items as ``item_in_json`` says them.

    Raises
    ------
    AttributeError, LookupError, NotImplementedError, OverflowError, TypeError, ValueError
        A value cannot be said.
    """
    if element.VR == "SQ":
        return {"vr": "SQ", "Value": [item_in_json(item) for item in element.value or ()]}
    if element.VR == "PN":
        return _names(element)
    if element.VR in _WRITTEN_NUMBERS and not element.is_empty:
        return _numbers(element)
    encoded: dict[str, Any] = element.to_json_dict(None, bulk_data_threshold=2**31)
    return encoded


def from_json(
    attributes: Mapping[str, Any], bulk: Callable[[str, str, str], Any] | None = None
) -> Dataset:
    """Return the data set that the JSON Model says; ``bulk`` gives values by tag, VR and address.

    Raises
    ------
    AttributeError, LookupError, TypeError, ValueError
        It says none.
    """
    dataset = Dataset.from_json(dict(attributes), bulk)
    _empty_nulls(dataset)
    return dataset


def _empty_nulls(dataset: Dataset) -> None:
    """Make nulls among numbers empty values, or they would be written as words."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _empty_nulls(item)
        elif element.VR in _WRITTEN_NUMBERS and element.VM > 1 and None in element.value:
            element.value = ["" if each is None else each for each in element.value]


def _numbers(element: DataElement) -> dict[str, Any]:
    values = element.value if element.VM > 1 else [element.value]
    return {"vr": str(element.VR), "Value": [_number(each, element.VR) for each in values]}


def _number(value: Any, vr: str) -> int | float | None:
    if value in _EMPTY:
        return None
    number = float(value)
    return int(value) if vr == "IS" and number.is_integer() else number


def _names(element: DataElement) -> dict[str, Any]:
    """Return person names by their component groups."""
    names = element.value if element.VM > 1 else [element.value] if element.value else []
    values = [
        {group: part for group, part in zip(GROUPS, str(name).split("="), strict=False) if part}
        for name in names
    ]
    return {"vr": "PN", **({"Value": [each or None for each in values]} if values else {})}
