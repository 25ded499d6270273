"""Data sets as XML: the Native DICOM Model (PS3.19 Section A.1), for ``application/dicom+xml``.

Made of the DICOM JSON Model (PS3.18 Annex F), which says the same in other words.
"""

import math
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as ET

from pydicom.datadict import keyword_for_tag
from pydicom.valuerep import format_number_as_ds

from dicom_node.dicomweb.data_sets import JsonDataset
from dicom_node.query.json_model import GROUPS

NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_SPACE = "{http://www.w3.org/XML/1998/namespace}space"
COMPONENTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
# XML 1.0 has no way to write these, not even by their numbers.
_NOT_OF_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WHOLE = 1e15
_REPLACEMENT = "\ufffd"


def native_model(dataset: JsonDataset) -> bytes:
    """Return a data set as an XML document in UTF-8.

    A character that XML cannot say is written as U+FFFD.
    """
    root = ET.Element("NativeDicomModel", {"xmlns": NAMESPACE, _SPACE: "preserve"})
    _add_attributes(root, dataset)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    # A parser would read a bare carriage return as a line's end (XML 1.0 Section 2.11).
    return document.replace(b"\r", b"&#13;")


def _add_attributes(parent: ET.Element, dataset: Mapping[str, Any]) -> None:
    for tag, element in sorted(dataset.items()):
        if tag.endswith("0000"):
            continue  # a group length (Section A.1.1)
        attribute = ET.SubElement(parent, "DicomAttribute", _names(tag, element, dataset))
        if "BulkDataURI" in element:
            ET.SubElement(attribute, "BulkData", uri=str(element["BulkDataURI"]))
        elif "InlineBinary" in element:
            ET.SubElement(attribute, "InlineBinary").text = str(element["InlineBinary"])
        for number, value in enumerate(element.get("Value", ()), start=1):
            _add_value(attribute, element["vr"], number, value)


def _names(tag: str, element: Mapping[str, Any], dataset: Mapping[str, Any]) -> dict[str, str]:
    """Return what an element is called; of a private one its creator, without its block."""
    group, number, vr = int(tag[:4], 16), int(tag[4:], 16), str(element["vr"])
    if group % 2 and number > 0xFF:
        creator = dataset.get(f"{tag[:4]}00{tag[4:6]}", {}).get("Value") or [""]
        name = _written(creator[0])
        return {"tag": f"{tag[:4]}00{tag[6:]}", "vr": vr, "privateCreator": name}
    keyword = keyword_for_tag(int(tag, 16))
    return {"tag": tag, "vr": vr, **({"keyword": keyword} if keyword else {})}


def _add_value(attribute: ET.Element, vr: str, number: int, value: Any) -> None:
    if vr == "SQ":
        _add_attributes(ET.SubElement(attribute, "Item", number=str(number)), value or {})
    elif vr == "PN":
        _add_name(ET.SubElement(attribute, "PersonName", number=str(number)), value or {})
    else:
        text = _decimal(value) if vr == "DS" else value
        ET.SubElement(attribute, "Value", number=str(number)).text = _written(text)


def _add_name(name: ET.Element, groups: Mapping[str, str]) -> None:
    for each in GROUPS:
        if groups.get(each):
            group = ET.SubElement(name, each)
            for component, text in zip(COMPONENTS, groups[each].split("^"), strict=False):
                if text:
                    ET.SubElement(group, component).text = _written(text)


def _decimal(value: Any) -> Any:
    """Return a number as a Decimal String, of 16 characters at most."""
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    return int(value) if value.is_integer() and abs(value) < _WHOLE else format_number_as_ds(value)


def _written(value: Any) -> str:
    return _NOT_OF_XML.sub(_REPLACEMENT, "" if value is None else str(value))
