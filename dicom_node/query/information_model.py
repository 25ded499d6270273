"""The information models of Query/Retrieve (PS3.4 Section C.6): levels, unique keys, identifiers.

Baseline behaviour: a request names its level, and each unique key of the levels above by one value
(Section C.4.1.2.1).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from dicom_node.query.errors import UnusableQueryError
from dicom_node.query.json_model import JsonAttributes, from_json
from dicom_node.query.keys import Level, archive_keys, tag_of
from dicom_node.query.matching import texts
from dicom_node.query.reading import UNREADABLE, Query, read_identifier
from dicom_node.query.selection import selected

UNIQUE_KEY: Mapping[Level, str] = MappingProxyType(
    {
        Level.PATIENT: "PatientID",
        Level.STUDY: "StudyInstanceUID",
        Level.SERIES: "SeriesInstanceUID",
        Level.INSTANCE: "SOPInstanceUID",
    }
)
# What identifiers hold beside keys.
_ABOUT = frozenset(
    map(
        tag_of,
        (
            "SpecificCharacterSet",
            "TimezoneOffsetFromUTC",
            "QueryRetrieveLevel",
            "QueryRetrieveView",
            "RetrieveAETitle",
            "InstanceAvailability",
            "StorageMediaFileSetID",
            "StorageMediaFileSetUID",
        ),
    )
)
_UTF_8 = "ISO_IR 192"


@dataclass(frozen=True, slots=True, kw_only=True)
class InformationModel:
    """A root: its name, and its levels from the top."""

    name: str
    levels: tuple[Level, ...]

    def above(self, level: Level) -> tuple[Level, ...]:
        """Return the levels above one of this root's."""
        return self.levels[: self.levels.index(level)]


PATIENT_ROOT = InformationModel(
    name="Patient Root", levels=(Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE)
)
STUDY_ROOT = InformationModel(name="Study Root", levels=PATIENT_ROOT.levels[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class FindRequest:
    """What a C-FIND asks for; ``is_whole`` is false where it names keys that are not supported."""

    level: Level
    query: Query
    is_whole: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveRequest:
    """What a C-MOVE or C-GET asks for: everything below what the unique keys name."""

    level: Level
    unique: Mapping[Level, tuple[str, ...]]

    def of(self, level: Level) -> tuple[str, ...]:
        """Return the values of a level's unique key; none where it does not matter."""
        return self.unique.get(level, ())


def read_find(identifier: Dataset, model: InformationModel) -> FindRequest:
    """Read the identifier of a C-FIND request.

    A key that the level does not have asks for nothing and is not returned (Section C.2.2.1.3).

    Raises
    ------
    UnusableQueryError
        There is no level of this model, a unique key above it is missing, or a value cannot be
        matched.
    """
    level = _level(identifier, model)
    _check_above(identifier, level, model)
    known = archive_keys(level)
    tags = [tag for tag in identifier.keys() if tag.element]  # noqa: SIM118 - reads no element
    kept = [tag for tag in tags if tag in known or tag in _ABOUT]
    query = read_identifier(_part(identifier, kept))
    return FindRequest(level=level, query=query, is_whole=len(kept) == len(tags))


def read_retrieve(identifier: Dataset, model: InformationModel) -> RetrieveRequest:
    """Read the identifier of a C-MOVE or C-GET request (Section C.4.2.1.4).

    Raises
    ------
    UnusableQueryError
        There is no level of this model, or a unique key at or above it is missing.
    """
    level = _level(identifier, model)
    _check_above(identifier, level, model)
    unique = {each: _values(identifier, each) for each in (*model.above(level), level)}
    if not unique[level] or any(_is_pattern(value) for value in unique[level]):
        raise UnusableQueryError(f"{UNIQUE_KEY[level]} is needed at the level {level}")
    if level is Level.PATIENT and len(unique[level]) > 1:
        raise UnusableQueryError("one patient is retrieved at a time")
    return RetrieveRequest(level=level, unique=MappingProxyType(unique))


def find_answer(entity: JsonAttributes, request: FindRequest, *, ae_title: str) -> Dataset:
    """Return the identifier of a response: what was asked for, and where it is retrieved from."""
    names = [f"{tag:08X}" for tag in _tags(request)]
    known = from_json({name: entity[name] for name in names if name in entity})
    wanted = [tag for tag in request.query.asked.keys() if tag not in _ABOUT]  # noqa: SIM118
    answer = selected(known, _part(request.query.asked, wanted))
    own = tag_of(UNIQUE_KEY[request.level])
    if own in known:
        answer[own] = known[own]
    answer.QueryRetrieveLevel = request.level.value
    answer.RetrieveAETitle = ae_title
    answer.InstanceAvailability = "ONLINE"
    if not all(value.isascii() for value in _plain(answer)):
        answer.SpecificCharacterSet = _UTF_8
    return answer


def _tags(request: FindRequest) -> Sequence[BaseTag]:
    own = tag_of(UNIQUE_KEY[request.level])
    return [own, *(tag for tag in request.query.asked.keys() if tag not in _ABOUT)]  # noqa: SIM118


def _part(identifier: Dataset, tags: Sequence[BaseTag]) -> Dataset:
    """Return some elements of an identifier.

    Raises
    ------
    UnusableQueryError
        One of them cannot be read.
    """
    part = Dataset()
    for tag in tags:
        try:
            part.add(identifier[tag])
        except UNREADABLE as error:
            name = f"({tag.group:04X},{tag.element:04X})"
            raise UnusableQueryError(f"{name} of the query cannot be read") from error
    return part


def _plain(dataset: Dataset) -> Sequence[str]:
    return [
        text
        for element in dataset
        for text in (
            texts(element)
            if element.VR != "SQ"
            else [each for item in element.value for each in _plain(item)]
        )
    ]


def _level(identifier: Dataset, model: InformationModel) -> Level:
    named = str(identifier.get("QueryRetrieveLevel") or "").strip()
    for level in model.levels:
        if level.value == named:
            return level
    names = ", ".join(level.value for level in model.levels)
    raise UnusableQueryError(f"QueryRetrieveLevel of {model.name} is one of {names}")


def _check_above(identifier: Dataset, level: Level, model: InformationModel) -> None:
    for above in model.above(level):
        values = _values(identifier, above)
        if len(values) != 1 or _is_pattern(values[0]):
            raise UnusableQueryError(f"one {UNIQUE_KEY[above]} is needed at the level {level}")


def _values(identifier: Dataset, level: Level) -> tuple[str, ...]:
    tag = tag_of(UNIQUE_KEY[level])
    if tag not in identifier:
        return ()
    return tuple(text for text in texts(identifier[tag]) if text)


def _is_pattern(value: str) -> bool:
    return "*" in value or "?" in value
