"""What a content item says, in words."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from pydicom.dataset import Dataset

from sr_templates.coded_values import code_meaning

_NOT_MEASURED = "not measured"


def name_of(item: Dataset) -> str:
    """Return the meaning of an item's concept name; empty where it has none."""
    return code_meaning(item, "ConceptNameCodeSequence")


def words_of(item: Dataset) -> str:
    """Return the value of an item as a person would write it; empty where it has no words."""
    say = _WORDS.get(str(item.get("ValueType", "")))
    return say(item) if say is not None else ""


def _number(item: Dataset) -> str:
    measured = (item.get("MeasuredValueSequence") or [None])[0]
    if measured is None:
        return code_meaning(item, "NumericValueQualifierCodeSequence") or _NOT_MEASURED
    unit = (measured.get("MeasurementUnitsCodeSequence") or [Dataset()])[0]
    code = str(unit.get("CodeValue", ""))
    # UCUM's own symbols are what people write, except for unity and the annotations in braces.
    words = code if code != "1" and "{" not in code and "[" not in code else ""
    value = str(measured.get("NumericValue", "")).removesuffix(".0")
    return " ".join(filter(None, (value, words or _counted(unit))))


def _counted(unit: Dataset) -> str:
    meaning = str(unit.get("CodeMeaning", ""))
    return "" if meaning in ("no units", "unity") else meaning


def _plain(keyword: str) -> Callable[[Dataset], str]:
    return lambda item: str(item.get(keyword) or "")


_WORDS: Mapping[str, Callable[[Dataset], str]] = MappingProxyType(
    {
        "CODE": lambda item: code_meaning(item, "ConceptCodeSequence"),
        "DATE": _plain("Date"),
        "DATETIME": _plain("DateTime"),
        "NUM": _number,
        "PNAME": _plain("PersonName"),
        "TEXT": _plain("TextValue"),
        "TIME": _plain("Time"),
        "UIDREF": _plain("UID"),
    }
)
