"""Searching (QIDO-RS, PS3.18 Section 10.6): matching of attributes and what results hold."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase

from pydicom import Dataset
from pydicom.datadict import keyword_for_tag, tag_for_keyword

from dicom_node.dicomweb.catalogue import ArchivedObject
from dicom_node.dicomweb.data_sets import AVAILABLE_TRANSFER_SYNTAX, JsonDataset, as_json, header
from dicom_node.dicomweb.errors import BadSearchError

_TAG = re.compile(r"[0-9A-Fa-f]{8}")
_DATE = re.compile(r"\d{8}")
_CONTROLS = frozenset({"limit", "offset", "includefield", "fuzzymatching", "emptyvaluematching"})


class Level(StrEnum):
    """What a search returns."""

    STUDY = "study"
    SERIES = "series"
    INSTANCE = "instance"


# PS3.18 Tables 10.6.3-3 to 10.6.3-5: what each level returns.
_RETURNED = {
    Level.STUDY: (
        "SpecificCharacterSet",
        "StudyDate",
        "StudyTime",
        "AccessionNumber",
        "ReferringPhysicianName",
        "TimezoneOffsetFromUTC",
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "StudyInstanceUID",
        "StudyID",
        "StudyDescription",
        "ModalitiesInStudy",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
    ),
    Level.SERIES: (
        "SpecificCharacterSet",
        "Modality",
        "TimezoneOffsetFromUTC",
        "SeriesDescription",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SeriesNumber",
        "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime",
        "RequestAttributesSequence",
        "NumberOfSeriesRelatedInstances",
    ),
    Level.INSTANCE: (
        "SpecificCharacterSet",
        "SOPClassUID",
        "SOPInstanceUID",
        "TimezoneOffsetFromUTC",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "InstanceNumber",
        "Rows",
        "Columns",
        "BitsAllocated",
        "NumberOfFrames",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search as it was asked: keyword to value, and the window of results."""

    matching: Mapping[str, str]
    limit: int = 100
    offset: int = 0
    included: tuple[str, ...] = ()

    @classmethod
    def from_query(cls, items: Iterable[tuple[str, str]]) -> "Search":
        """Read the query parameters.

        Raises
        ------
        BadSearchError
            When an attribute is unknown or a number is none.
        """
        matching: dict[str, str] = {}
        controls: dict[str, list[str]] = {}
        for name, value in items:
            if name.lower() in _CONTROLS:
                controls.setdefault(name.lower(), []).append(value)
            else:
                matching[_keyword(name)] = value
        included = [part for each in controls.get("includefield", []) for part in each.split(",")]
        return cls(
            matching={name: value for name, value in matching.items() if value},
            limit=_count("limit", controls.get("limit", ["100"])[0]),
            offset=_count("offset", controls.get("offset", ["0"])[0]),
            included=tuple(_keyword(each) for each in included if each and each != "all"),
        )


def results(
    objects: Sequence[ArchivedObject], level: Level, search: Search, *, root: str
) -> list[JsonDataset]:
    """Return what of one study's objects matches, as the DICOM JSON Model."""
    groups: dict[str, list[ArchivedObject]] = {}
    for each in objects:
        groups.setdefault(_identity(each, level), []).append(each)
    found = []
    for members in groups.values():
        described = _described(members, level)
        if _matches(described, search.matching):
            found.append(_result(members[0], described, level, search.included, root))
    return found


def _identity(archived: ArchivedObject, level: Level) -> str:
    return {
        Level.STUDY: archived.study_instance_uid,
        Level.SERIES: archived.series_instance_uid,
        Level.INSTANCE: archived.sop_instance_uid,
    }[level]


def _described(members: Sequence[ArchivedObject], level: Level) -> Dataset:
    """Return the attributes of the first member, and what counts over all of them."""
    described = Dataset()
    described.update(header(members[0].path))
    if level is Level.STUDY:
        modalities = {header(each.path).get("Modality", "") for each in members}
        described.ModalitiesInStudy = sorted(modalities - {"", None})
        described.NumberOfStudyRelatedSeries = len({m.series_instance_uid for m in members})
        described.NumberOfStudyRelatedInstances = len(members)
    if level is Level.SERIES:
        described.NumberOfSeriesRelatedInstances = len(members)
    return described


def _result(
    first: ArchivedObject, described: Dataset, level: Level, included: Sequence[str], root: str
) -> JsonDataset:
    shown = Dataset()
    for keyword in (*_RETURNED[level], *included):
        if keyword in described:
            shown.add(described[keyword])
    shown.InstanceAvailability = "ONLINE"
    shown.RetrieveURL = _address(first, level, root)
    found = as_json(shown)
    if level is Level.INSTANCE:
        syntax = str(header(first.path).file_meta.TransferSyntaxUID)
        found[AVAILABLE_TRANSFER_SYNTAX] = {"vr": "UI", "Value": [syntax]}
    return dict(sorted(found.items()))


def _address(archived: ArchivedObject, level: Level, root: str) -> str:
    address = f"{root}/studies/{archived.study_instance_uid}"
    if level is not Level.STUDY:
        address += f"/series/{archived.series_instance_uid}"
    if level is Level.INSTANCE:
        address += f"/instances/{archived.sop_instance_uid}"
    return address


def _matches(described: Dataset, matching: Mapping[str, str]) -> bool:
    """Whether every value matches (PS3.4 C.2.2.2): single value, list of UIDs, range, wildcard."""
    for keyword, wanted in matching.items():
        value = described.get(keyword)
        present = list(value) if _is_multiple(value) else [value]
        if not any(_equal(keyword, "" if each is None else str(each), wanted) for each in present):
            return False
    return True


def _is_multiple(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes))


def _equal(keyword: str, value: str, wanted: str) -> bool:
    if keyword.endswith("UID"):
        return value in re.split(r"[,\\]", wanted)
    if keyword.endswith("Date") and "-" in wanted:
        first, _, last = wanted.partition("-")
        return bool(_DATE.fullmatch(value)) and (first or "0") <= value <= (last or "99999999")
    if keyword.endswith("Name"):
        value, wanted = value.casefold(), wanted.casefold()
    return fnmatchcase(value, wanted.replace("[", "[[]"))


def _keyword(name: str) -> str:
    keyword = keyword_for_tag(int(name, 16)) if _TAG.fullmatch(name) else name
    if not keyword or tag_for_keyword(keyword) is None:
        raise BadSearchError(f"{name!r} is not a DICOM attribute that can be searched for")
    return keyword


def _count(name: str, text: str) -> int:
    if not text.isdigit():
        raise BadSearchError(f"{name} is a whole number")
    return int(text)
