"""Which attributes an answer holds: those that were asked for."""

from collections.abc import Iterable

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

# A response says so, whatever was asked (PS3.4 Section C.4.1.1.3.2, K.4.1.1.3).
_ALWAYS = frozenset({"SpecificCharacterSet"})


def selected(dataset: Dataset, query: Dataset) -> Dataset:
    """Return the attributes of ``dataset`` that ``query`` names, nested as it nests them.

    A sequence without an item in the query asks for everything in it. What the data set lacks comes
    back empty (PS3.4 Section K.2.2.1.2, type 2).
    """
    answer = Dataset()
    for keyword in _ALWAYS & set(dataset.dir()):
        answer[keyword] = dataset[keyword]
    for wanted in query:
        if wanted.tag not in dataset:
            answer.add_new(wanted.tag, wanted.VR, Sequence() if wanted.VR == "SQ" else None)
            continue
        element = dataset[wanted.tag]
        if wanted.VR == "SQ" and wanted.value and wanted.value[0]:
            items = [selected(item, wanted.value[0]) for item in element.value]
            answer.add_new(wanted.tag, "SQ", Sequence(items))
        else:
            answer[wanted.tag] = element
    return answer


def listed(dataset: Dataset, tags: Iterable[BaseTag]) -> Dataset:
    """Return the attributes of ``dataset`` that ``tags`` names, for N-GET."""
    wanted = set(tags)
    answer = Dataset()
    for element in dataset:
        if element.tag in wanted or element.keyword in _ALWAYS:
            answer.add(element)
    return answer
