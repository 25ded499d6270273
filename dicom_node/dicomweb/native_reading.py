"""Data sets read from XML: the Native DICOM Model (PS3.19 Section A.1), as `native_model` writes.

What is read is the DICOM JSON Model (PS3.18 Annex F), which says the same in other words.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from pydicom.valuerep import VR

from dicom_node.dicomweb.data_sets import JsonDataset
from dicom_node.dicomweb.native_model import COMPONENTS, NAMESPACE
from dicom_node.query.json_model import GROUPS

_NUMBERS: Mapping[str, Callable[[str], int | float]] = {
    **dict.fromkeys(("IS", "SL", "SS", "SV", "UL", "US", "UV"), int),
    **dict.fromkeys(("FD", "FL"), float),
}
_VRS = frozenset(each.value for each in VR) - {"OB or OW", "US or SS", "US or OW", "US or SS or OW"}
_TAG = re.compile("[0-9A-F]{8}")
# The first and the last block of private elements (PS3.5 Section 7.8.1).
_FIRST_BLOCK, _BLOCKS = 0x10, 0xF0


class _NoDoctype(ET.TreeBuilder):
    """Builds elements, of a document that declares no entities for others to be blown up by."""

    def doctype(self, _name: str, _public: str | None, _system: str | None) -> None:
        """Refuse the declaration."""
        raise ValueError("a document type is declared")


def read_native_model(document: bytes | bytearray) -> JsonDataset:
    """Return the data set that an XML document says, in the DICOM JSON Model.

    Raises
    ------
    ValueError
        It is no XML, no Native DICOM Model, declares a document type, or has values that their VR
        cannot have.
    RecursionError
        It is nested deeper than anything real.
    """
    parser = ET.XMLParser(target=_NoDoctype())  # noqa: S314 - entities are refused above
    try:
        root = ET.fromstring(bytes(document), parser=parser)  # noqa: S314 - the same
    except (ET.ParseError, LookupError) as error:  # the latter of an encoding that nobody knows
        raise ValueError(f"no XML: {error}") from error
    if _local(root) != "NativeDicomModel":
        raise ValueError("no Native DICOM Model")
    return _attributes(root)


def _attributes(parent: ET.Element) -> JsonDataset:
    found: JsonDataset = {}
    blocks: dict[tuple[str, str], int] = {}
    for attribute in parent:
        if _local(attribute) != "DicomAttribute":
            raise ValueError(f"{_local(attribute)} where attributes are")
        tag, vr = attribute.get("tag", "").upper(), attribute.get("vr", "")
        if not _TAG.fullmatch(tag) or vr not in _VRS:
            raise ValueError("an attribute without a tag or VR")
        if creator := attribute.get("privateCreator"):
            if not int(tag[:4], 16) % 2:
                raise ValueError("a private creator of an element of the Standard")
            block = blocks.setdefault((tag[:4], creator), _FIRST_BLOCK + len(blocks) % _BLOCKS)
            found[f"{tag[:4]}00{block:02X}"] = {"vr": "LO", "Value": [creator]}
            tag = f"{tag[:4]}{block:02X}{tag[-2:]}"
        found[tag] = {"vr": vr, **_content(attribute, vr)}
    return found


def _content(attribute: ET.Element, vr: str) -> dict[str, Any]:
    if not len(attribute):
        return {}
    kind = _local(attribute[0])
    if kind == "BulkData":
        return {"BulkDataURI": attribute[0].get("uri") or attribute[0].get("uuid") or ""}
    if kind == "InlineBinary":
        return {"InlineBinary": "".join((attribute[0].text or "").split())}
    wanted = {"SQ": "Item", "PN": "PersonName"}.get(vr, "Value")
    if any(_local(each) != wanted for each in attribute):
        raise ValueError(f"a {vr} with something else than {wanted}")
    in_order = sorted(attribute, key=lambda each: int(each.get("number", "0")))
    return {"Value": [_value(each, vr) for each in in_order]}


def _value(element: ET.Element, vr: str) -> Any:
    if vr == "SQ":
        return _attributes(element)
    if vr == "PN":
        groups = {_local(group): _name(group) for group in element}
        return {each: groups[each] for each in GROUPS if groups.get(each)}
    text = element.text or ""
    if not text.strip() and vr in _NUMBERS:
        return None
    if vr not in _NUMBERS:
        return text
    if "_" in text:
        raise ValueError("no number")
    return _NUMBERS[vr](text)


def _name(group: ET.Element) -> str:
    parts = {_local(each): each.text or "" for each in group}
    return "^".join(parts.get(each, "") for each in COMPONENTS).rstrip("^")


def _local(element: ET.Element) -> str:
    """Return an element's name; in no namespace it is taken as in that of the model."""
    return str(element.tag).removeprefix(f"{{{NAMESPACE}}}")
