"""What a search tells of studies of which some series are kept from who asks."""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase

from starlette.datastructures import QueryParams

from dicom_node.dicomweb.data_sets import JsonDataset
from dicom_node.dicomweb.search import MOST_RESULTS, Scope, search
from dicom_node.query.keys import Level
from dicom_node.query.ports import EntitySearch

_STUDY_UID, _SERIES_UID, _MODALITY = "0020000D", "0020000E", "00080060"
_MODALITIES_IN_STUDY = ("ModalitiesInStudy", "00080061")
_CLASSES_IN_STUDY = ("SOPClassesInStudy", "00080062")
_SERIES_IN_STUDY, _INSTANCES_IN_STUDY, _INSTANCES_IN_SERIES = "00201206", "00201208", "00201209"


class Told:
    """What somebody is told of what a search found."""

    def __init__(
        self, entities: EntitySearch, withheld: Callable[[str], frozenset[str]], root: str
    ) -> None:
        self._entities = entities
        self._withheld = functools.cache(withheld)
        self._root = root

    def allowed(self, found: Sequence[JsonDataset], asked: QueryParams) -> Iterator[JsonDataset]:
        """Leave out series that are kept from who asks, their instances, and what counts them."""
        for each in found:
            study = _value(each, _STUDY_UID)
            kept = self._withheld(study)
            if not kept:
                yield each
            elif _value(each, _SERIES_UID) not in kept:
                shown = self._series(study, kept)
                if _is_found_without(asked, shown):
                    yield each if _SERIES_UID in each else _recounted(each, shown)

    def _series(self, study: str, kept: frozenset[str]) -> list[JsonDataset]:
        scope, most = Scope(level=Level.SERIES, study=study), [("limit", str(MOST_RESULTS))]
        found = search(self._entities, scope, most, root=self._root).found
        return [each for each in found if _value(each, _SERIES_UID) not in kept]


def _is_found_without(asked: QueryParams, shown: list[JsonDataset]) -> bool:
    """Whether a study is found as well by the series that are shown: matching tells, too."""
    if any(asked.get(name) for name in _CLASSES_IN_STUDY):
        return False
    modalities = {_value(each, _MODALITY) for each in shown}
    wanted = [asked[name] for name in _MODALITIES_IN_STUDY if asked.get(name)]
    return all(
        any(fnmatchcase(each, one) for each in modalities for one in re.split(r"[,\\]", values))
        for values in wanted
    )


def _recounted(study: JsonDataset, shown: list[JsonDataset]) -> JsonDataset:
    """Return a study as it is without the series that are not shown."""
    counted: dict[str, list[str] | list[int]] = {
        _MODALITIES_IN_STUDY[1]: sorted({_value(each, _MODALITY) for each in shown} - {""}),
        _CLASSES_IN_STUDY[1]: [],
        _SERIES_IN_STUDY: [len(shown)],
        _INSTANCES_IN_STUDY: [sum(int(_value(each, _INSTANCES_IN_SERIES) or 0) for each in shown)],
    }
    return {
        tag: {**element, "Value": counted[tag]} if tag in counted else element
        for tag, element in study.items()
        if counted.get(tag) != []
    }


def _value(dataset: JsonDataset, tag: str) -> str:
    values = dataset.get(tag, {}).get("Value") or [""]
    return str(values[0])
