"""What an item's code sequences hold, read from the bare data set (PS3.3 8.8)."""

from pydicom.dataset import Dataset

_VALUES = ("CodeValue", "LongCodeValue", "URNCodeValue")


def code_value(item: Dataset, keyword: str) -> str:
    """The value of the code in a sequence, short, long or a URN; "" where there is none."""
    concept = _concept(item, keyword)
    return str(next((concept[name].value for name in _VALUES if concept.get(name)), ""))


def code_meaning(item: Dataset, keyword: str) -> str:
    """The meaning of the code in a sequence; "" where there is none."""
    return str(_concept(item, keyword).get("CodeMeaning", ""))


def scheme(item: Dataset, keyword: str) -> str:
    """The coding scheme designator of the code in a sequence; "" where there is none."""
    return str(_concept(item, keyword).get("CodingSchemeDesignator", ""))


def _concept(item: Dataset, keyword: str) -> Dataset:
    concepts = item.get(keyword)
    return concepts[0] if concepts else Dataset()
