"""The slowest search of each level and kind of matching (PS3.4 Section C.2.2.2), over every key.

QIDO-RS and C-FIND of Query/Retrieve ask the same search with what they read; its time is measured
from the text of the query to the attributes of the answers, a page of 100.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from bench.rows import Row
from dicom_node.persistence.corridor.search import ObjectSearch
from dicom_node.query.keys import Level, QueryKey, archive_keys
from dicom_node.query.matching import NUMBERS, RANGED, WITH_WILDCARDS
from dicom_node.query.parameters import Reading, read_search
from dicom_node.query.ports import Window

LEVELS = (Level.PATIENT, Level.STUDY, Level.SERIES, Level.INSTANCE)
# A key that is about the query itself.
_NOT_MATCHED = frozenset({"TimezoneOffsetFromUTC"})
_COUNTED_BUT_SOUGHT = frozenset({"ModalitiesInStudy", "SOPClassesInStudy"})
_PAGE = 100
Clock = Callable[[], float]
_REPEATS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One query, and the milliseconds that its best repetition took."""

    kind: str
    keyword: str
    milliseconds: float


def slowest(
    search: ObjectSearch, values: Mapping[str, str], name: str, condition: str, clock: Clock
) -> list[Row]:
    """Search by every key, and return the slowest of each level and kind, in ms of ``clock``."""
    rows = []
    for level in LEVELS:
        timed = [
            Timed(kind=kind, keyword=key.path, milliseconds=_timed(search, level, pairs, clock))
            for key in archive_keys(level).values()
            if key.path not in _NOT_MATCHED and (not key.counted or key.path in _COUNTED_BUT_SOUGHT)
            for kind, pairs in _queries(key, values.get(key.path, ""))
        ]
        for kind in dict.fromkeys(each.kind for each in timed):
            of_kind = [each for each in timed if each.kind == kind]
            worst = max(of_kind, key=lambda each: each.milliseconds)
            rows.append(
                Row(
                    name=f"{level.value}, {kind}, slowest of {len(of_kind)} keys, {name}",
                    value=worst.milliseconds,
                    unit="ms",
                    condition=f"{worst.keyword}; {condition}",
                )
            )
    return rows


def _queries(key: QueryKey, value: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield the kinds of matching that a key knows, each by a value that few or none have."""
    keyword, vr = key.path, key.vr
    if vr == "SQ":
        yield "sequence", [(f"{keyword}.CodeValue", "T-D3000")]
        return
    yield "universal", [(keyword, "")]
    yield "empty value", [(keyword, '""'), ("emptyvaluematching", "true")]
    yield "single value", [(keyword, value or _absent(vr))]
    if vr == "UI":
        yield "list of UID", [(keyword, "\\".join([value or "1.2.3", "1.9.9.9"]))]
    if vr in RANGED and vr != "DT":
        yield "range", [(keyword, "20200101-20200331" if vr == "DA" else "0700-0800")]
    if vr in WITH_WILDCARDS:
        yield "wildcard", [(keyword, f"*{(value or 'absent')[-4:]}")]
    if vr == "PN":
        yield (
            "fuzzy",
            [(keyword, value.split("^", maxsplit=1)[0] or "nobody"), ("fuzzymatching", "true")],
        )


def _absent(vr: str) -> str:
    if vr in NUMBERS:
        return "77"
    return {"DA": "19990909", "TM": "0311", "AS": "099Y", "UI": "1.9.9.9"}.get(vr, "ABSENT")


def _timed(search: ObjectSearch, level: Level, pairs: list[tuple[str, str]], clock: Clock) -> float:
    times = []
    for _ in range(_REPEATS):
        started = clock()
        query = read_search(pairs, Reading(most=_PAGE, combined=True)).query
        search.find(level, query, Window(limit=_PAGE))
        times.append((clock() - started) * 1000)
    return min(times)
