"""Searching (QIDO-RS, PS3.18 Section 10.6): what is asked, and what results hold."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from dicom_node.dicomweb.data_sets import JsonDataset
from dicom_node.dicomweb.errors import BadSearchError, TooManyError
from dicom_node.query.errors import QueryTooWideError, UnusableQueryError
from dicom_node.query.keys import ARCHIVE_KEYS, Level, returned, tag_of
from dicom_node.query.parameters import Reading, Search, read_search
from dicom_node.query.ports import EntitySearch, Window
from dicom_node.query.reading import make_key

# How many results a search gives that names no limit, and how many it gives at most.
USUAL_RESULTS = 100
MOST_RESULTS = 5000
_READING = Reading(most=MOST_RESULTS, usual=USUAL_RESULTS, combined=True)
# Added to every result, asked for or not.
_CHARACTER_SET, _AVAILABILITY = f"{tag_of('SpecificCharacterSet'):08X}", "00080056"
_RETRIEVE_URL, _TRANSFER_SYNTAX = "00081190", "00083002"
_SERIES_UID, _INSTANCE_UID = "0020000E", "00080018"
_STUDY_UID = "0020000D"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a search looks: the archive, or the study and series that its path names."""

    level: Level
    study: str | None = None
    series: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What a search found, and what must be said beside it (PS3.18 Section 8.3.4)."""

    found: list[JsonDataset]
    warnings: tuple[str, ...]


def search(
    entities: EntitySearch,
    scope: Scope,
    parameters: Iterable[tuple[str, str]],
    *,
    root: str,
    without: frozenset[str] = frozenset(),
) -> Results:
    """Carry out a search; addresses in its results lie below ``root``.

    Series that ``without`` names are as if they were not there.

    Raises
    ------
    BadSearchError
        The query parameters cannot be understood, or are too much.
    TooManyError
        The page that is asked for lies too far behind.
    """
    try:
        asked = _within(read_search(parameters, _READING), scope)
        matches = entities.find(
            scope.level,
            asked.query,
            Window(limit=asked.limit, offset=asked.offset),
            without=without,
        )
    except UnusableQueryError as error:
        raise BadSearchError(str(error)) from error
    except QueryTooWideError as error:
        raise TooManyError(str(error)) from error
    shown = None if asked.everything else _shown(asked, scope)
    warnings = []
    if matches.more:
        warnings.append("There are additional results that can be requested")
    found = [_result(each, scope.level, shown, root) for each in matches.found]
    return Results(found=found, warnings=tuple(warnings))


def _within(asked: Search, scope: Scope) -> Search:
    """Add what the path says to the keys."""
    named = {"StudyInstanceUID": scope.study, "SeriesInstanceUID": scope.series}
    keys = (make_key(tag_of(keyword), "UI", (uid,)) for keyword, uid in named.items() if uid)
    of_path = tuple(key for key in keys if key is not None)
    return replace(asked, query=replace(asked.query, keys=asked.query.keys + of_path))


def _shown(asked: Search, scope: Scope) -> frozenset[str]:
    """Return what a result holds: the level's own, those of levels that no path names, the rest."""
    levels = {scope.level}
    if scope.study is None:
        levels |= {Level.STUDY}
    if scope.series is None and scope.level is Level.INSTANCE:
        levels |= {Level.SERIES}
    if Level.STUDY in levels:
        levels |= {Level.PATIENT}
    keywords = {keyword for level in levels for keyword in returned(ARCHIVE_KEYS, level)}
    own = {f"{tag_of(keyword):08X}" for keyword in keywords}
    fields = {f"{tag:08X}" for tag in asked.query.asked.keys()}  # noqa: SIM118 - tags are wanted
    return frozenset(own | fields | {_STUDY_UID, _SERIES_UID, _TRANSFER_SYNTAX})


def _result(
    entity: JsonDataset, level: Level, shown: frozenset[str] | None, root: str
) -> JsonDataset:
    found = {tag: value for tag, value in entity.items() if shown is None or tag in shown}
    found[_CHARACTER_SET] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    found[_AVAILABILITY] = {"vr": "CS", "Value": ["ONLINE"]}
    found[_RETRIEVE_URL] = {"vr": "UR", "Value": [_address(entity, level, root)]}
    return dict(sorted(found.items()))


def _address(entity: JsonDataset, level: Level, root: str) -> str:
    address = f"{root}/studies/{_uid(entity, _STUDY_UID)}"
    if level is not Level.STUDY:
        address += f"/series/{_uid(entity, _SERIES_UID)}"
    if level is Level.INSTANCE:
        address += f"/instances/{_uid(entity, _INSTANCE_UID)}"
    return address


def _uid(entity: JsonDataset, tag: str) -> str:
    return str(entity[tag]["Value"][0])
