"""The database finds exactly what the matcher of PS3.4 Section C.2.2.2 takes, on both databases."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dicom_node.domain.instance import QueryAttributes
from dicom_node.persistence.corridor.attribute_tables import INSTANCE_ATTRIBUTES, NOTED_KEYS
from dicom_node.persistence.corridor.index import StudyIndex
from dicom_node.persistence.corridor.search import ObjectSearch
from dicom_node.query.errors import QueryTooWideError, UnusableQueryError
from dicom_node.query.json_model import JsonAttributes, JsonEntity
from dicom_node.query.keys import Level, archive_keys, tag_of, vr_of
from dicom_node.query.matching import matches
from dicom_node.query.ports import Window
from dicom_node.query.reading import Query, Rules, make_key
from tests.unit.builders import an_instance

pytestmark = pytest.mark.slow

NAMES = [
    "Müller^Jörg",
    "MULLER^JORG^^Dr",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    "Hong^Gildong=洪^吉洞=홍^길동",
    "かわ^が",
    "[x]^100%_",
    "Weiß^A*",
    "İnci^Ş",
    "O'Neil^Ann",
    "",
]
TEXTS = ["A1", "a1", "A1B", "A_1", "A%1", "[A]1", "A\\1", "Ä1", "A 1", "1", "", "'; --"]
DATES = ["20260101", "20260131", "20260201", "19991231", "20260230", "1999.12.31", "00010101", ""]
TIMES = ["00", "0830", "083015", "083015.5", "0830.5", "235959.999999", "08:30", "noon", "25", ""]
NUMBERS = [0, 1, 7, 12, -3, 2**31 - 1, None]
MODALITIES = ["CT", "MR", "DX", "CR", ""]

STUDY = st.fixed_dictionaries(
    {
        "PatientName": st.sampled_from(NAMES),
        "PatientID": st.sampled_from(TEXTS),
        "AccessionNumber": st.sampled_from(TEXTS),
        "StudyDescription": st.sampled_from(TEXTS),
        "StudyDate": st.sampled_from(DATES),
        "StudyTime": st.sampled_from(TIMES),
        "TimezoneOffsetFromUTC": st.sampled_from(["", "+0100", "-0500"]),
        "series": st.lists(
            st.tuples(st.sampled_from(MODALITIES), st.sampled_from(NUMBERS)),
            min_size=1,
            max_size=2,
        ),
    }
)
PATTERNS = [
    "A*", "*1", "?1", "A?1", "*", "**", "[A]*", "A\\*", "A%*", "a1", "*_*", "?", "Ä*", "A1",
    "1", '""',
]  # fmt: skip
ASKED: dict[str, list[str]] = {
    "PatientName": [
        "muller*", "MÜLLER^JÖRG", "yamada*", "山田*", "*太郎", "=山田*", "yamada*==*たろう", "*=*",
        "か*", "[X]*", "*100%*", "weiss*", "inci^s", "?*", "^^", "hong^gildong^=洪*", "홍*", '""',
        "jorg mueler", "*jo*", "weis, anna", "ya?ada", "太", "O'Neil",
    ],
    "PatientID": PATTERNS,
    "AccessionNumber": PATTERNS,
    "StudyDescription": PATTERNS,
    "StudyDate": [
        "20260101", "20260101-20260131", "-20260115", "20260115-", "20270101-20260101", '""',
    ],
    "StudyTime": ["08", "0830", "0830-09", "-1200", "1200-", "083015.5", "23-", '""'],
    "ModalitiesInStudy": ["CT", "C?", "MR", "*R", '""'],
    "Modality": ["CT", "C*", "XX", '""'],
    "SeriesNumber": ["1", "007", "7.0", "7.5", "-3", "99999999999999999999", '""'],
}  # fmt: skip


def keys_of(*names: str) -> st.SearchStrategy[dict[str, list[str]]]:
    return st.fixed_dictionaries(
        {},
        optional={
            name: st.lists(st.sampled_from(ASKED[name]), min_size=1, max_size=2) for name in names
        },
    )


OF_STUDIES = [
    "PatientName", "PatientID", "AccessionNumber", "StudyDescription", "StudyDate", "StudyTime",
]  # fmt: skip


def as_json(**keywords: Any) -> str:
    tags = {
        tag_of(keyword): value for keyword, value in keywords.items() if value not in ("", None)
    }
    return json.dumps(
        {
            f"{tag:08X}": {"vr": vr_of(tag), "Value": [name_or(value, vr_of(tag))]}
            for tag, value in tags.items()
        }
    )


def name_or(value: Any, vr: str) -> Any:
    if vr != "PN":
        return value
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), value.split("="), strict=False)
    return {name: group for name, group in groups if group}


def fill(engine: sa.Engine, studies: list[dict[str, Any]]) -> None:
    index = StudyIndex(engine)
    index.clear()
    instances = []
    for number, study in enumerate(studies, start=1):
        own = {name: value for name, value in study.items() if name != "series"}
        for series, (modality, series_number) in enumerate(study["series"], start=1):
            uid = f"1.2.{number}.{series}"
            attributes = QueryAttributes(
                study=as_json(**own),
                series=as_json(Modality=modality, SeriesNumber=series_number),
                instance=as_json(InstanceNumber=series),
            )
            instances.append(
                an_instance(
                    f"{uid}.1",
                    study_instance_uid=f"1.2.{number}",
                    series_instance_uid=uid,
                    path=f"{uid}.dcm",
                    attributes=attributes,
                )
            )
    index.record(instances)


def as_query(asked: dict[str, list[str]], rules: Rules, offset: str) -> Query:
    keys = []
    for name, values in asked.items():
        tag = tag_of(name)
        try:
            key = make_key(tag, vr_of(tag), values, rules, offset)
        except UnusableQueryError:  # such as wildcards where every value must be there
            continue
        if key is not None:
            keys.append(key)
    return Query(keys=tuple(keys), asked=Dataset(), rules=rules)


def uids(found: list[JsonAttributes], level: Level) -> list[str]:
    tag = {"STUDY": "0020000D", "SERIES": "0020000E", "IMAGE": "00080018"}[level.value]
    return [each[tag]["Value"][0] for each in found]


def check(engine: sa.Engine, level: Level, query: Query) -> None:
    search = ObjectSearch(engine)
    everything = Query(keys=(), asked=Dataset())
    entities = search.find(level, everything, Window(limit=1000)).found
    wanted = [each for each in entities if matches(JsonEntity(each), query.conditions)]
    found = search.find(level, query, Window(limit=1000))
    assert uids(list(found.found), level) == uids(wanted, level)
    half = len(wanted) // 2
    page = search.find(level, query, Window(limit=1, offset=half))
    assert uids(list(page.found), level) == uids(wanted, level)[half : half + 1]
    assert page.more is (len(wanted) > half + 1)


RULES = st.builds(
    Rules, combined=st.booleans(), empty=st.booleans(), every=st.booleans(), fuzzy=st.booleans()
)
MANY = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@MANY
@given(
    studies=st.lists(STUDY, max_size=6),
    asked=keys_of(*OF_STUDIES, "ModalitiesInStudy"),
    rules=RULES,
    offset=st.sampled_from(["", "+0100", "-1000"]),
)
def test_studies(
    engine: sa.Engine,
    studies: list[dict[str, Any]],
    asked: dict[str, list[str]],
    rules: Rules,
    offset: str,
) -> None:
    fill(engine, studies)
    check(engine, Level.STUDY, as_query(asked, rules, offset))


@MANY
@given(
    studies=st.lists(STUDY, max_size=4),
    asked=keys_of(*OF_STUDIES, "Modality", "SeriesNumber"),
    level=st.sampled_from([Level.SERIES, Level.INSTANCE]),
    rules=RULES,
)
def test_series_and_instances(
    engine: sa.Engine,
    studies: list[dict[str, Any]],
    asked: dict[str, list[str]],
    level: Level,
    rules: Rules,
) -> None:
    fill(engine, studies)
    check(engine, level, as_query(asked, rules, ""))


@pytest.mark.parametrize("name", [*OF_STUDIES, "ModalitiesInStudy"])
def test_every_value_against_every_key(engine: sa.Engine, name: str) -> None:
    stored = {
        "PatientName": NAMES, "StudyDate": DATES, "StudyTime": TIMES, "ModalitiesInStudy": [""],
    }.get(name, TEXTS)  # fmt: skip
    empty = dict.fromkeys([*OF_STUDIES, "TimezoneOffsetFromUTC"], "")
    series = [[(modality, 1)] for modality in MODALITIES] if name == "ModalitiesInStudy" else None
    fill(
        engine,
        [
            {**empty, **({name: value} if series is None else {}), "series": some}
            for value in stored
            for some in (series or [[("CT", 1)]])
        ],
    )
    for wanted in ASKED[name]:
        for rules in (Rules(), Rules(empty=True), Rules(fuzzy=True)):
            check(engine, Level.STUDY, as_query({name: [wanted]}, rules, ""))


# Values of instances that no column holds, as archives hold them: odd ones and lists, too.
UNCOLUMNED: dict[str, list[list[Any]]] = {
    "AcquisitionNumber": [
        [0],
        [7],
        [77],
        [-3],
        ["7 "],
        ["007"],
        [2.5],
        [7, 8],
        [8, 7],
        [None, 7],
        [None, None, 7],
        [7, None, 8],
        [99999999999999999999],
    ],
    "Rows": [[512], [51], [5120], [2**31 - 1], []],
    "AcquisitionDate": [[each] for each in DATES] + [["20260101", "20260201"], [None, "20260101"]],
    "AcquisitionTime": [[each] for each in TIMES] + [["08", "23"], [" 0830"], ["240000"]],
    "ImageType": [
        ["ORIGINAL", "PRIMARY", "AXIAL"],
        ["DERIVED", "SECONDARY"],
        ["ORIGINALS", "PRIMARY"],
        ["ORIGINAL"],
        [None, "PRIMARY"],
        [""],
        [],
        ["[x]", "100%_"],
        ["ORIGINAL", "PRIMARY", *("LONGER THAN A NOTE",) * 4],
    ],
    "ContentDescription": [
        *([each] for each in TEXTS),
        ["Ä" * 40],
        ["A1" * 40],
        ["A\x00B"],
        ["A\nB"],
        ["\ud800"],
        ["A1\u00a0"],
    ],
}
UNCOLUMNED_ASKED: dict[str, list[str]] = {
    "AcquisitionNumber": ["7", "007", "7.0", "2.5", "-3", "99999999999999999999", "8", '""'],
    "Rows": ["512", "51", "5.12e2", '""'],
    "AcquisitionDate": ASKED["StudyDate"],
    "AcquisitionTime": ASKED["StudyTime"],
    "ImageType": [
        "PRIMARY", "ORIGINAL", "ORIGINAL*", "*ARY", "?RIGINAL", "AXIAL", "[x]", "*%_", "LONGER*",
        "ORIGINAL*AXIAL", '""',
    ],
    "ContentDescription": [*PATTERNS, "Ä*", "A1A1*", "A?B", "*\u00a0"],
}  # fmt: skip


@pytest.mark.parametrize("is_noted", [True, False], ids=["noted", "of an earlier version"])
@pytest.mark.parametrize("name", UNCOLUMNED)
def test_what_no_column_holds_is_found_by_notes_and_by_the_text_of_its_values(
    engine: sa.Engine, name: str, is_noted: bool
) -> None:
    fill_instances(engine, [{name: values} for values in UNCOLUMNED[name]])
    if not is_noted:
        with engine.begin() as connection:
            without = {key.column: None for key in NOTED_KEYS}
            connection.execute(sa.update(INSTANCE_ATTRIBUTES).values(without))
    for wanted in UNCOLUMNED_ASKED[name]:
        for rules in (Rules(), Rules(empty=True)):
            check(engine, Level.INSTANCE, as_query({name: [wanted]}, rules, ""))
    check(
        engine, Level.INSTANCE, as_query({name: UNCOLUMNED_ASKED[name][:2]}, Rules(every=True), "")
    )


@pytest.mark.parametrize(
    ("stored", "offset"),
    [("-0500", ""), ("-0500", "+0100"), ("-0500", "-1000"), ("-1200", "+1400"), ("+1400", "-1200")],
)
def test_days_and_times_that_no_column_holds_are_one_range_of_moments(
    engine: sa.Engine, stored: str, offset: str
) -> None:
    days = [*UNCOLUMNED["AcquisitionDate"], ["20251230"], ["20260202"]]
    fill_instances(
        engine,
        [
            {"AcquisitionDate": day, "AcquisitionTime": time}
            for day in days
            for time in UNCOLUMNED["AcquisitionTime"]
        ],
        zone=stored,
    )
    for day, time in (
        ("20260101-20260131", "00-2359"),
        ("20260101-20260131", "0830-2330"),
        ("20260131-", "23-"),
        ("-19991231", "-08"),
    ):
        asked = {"AcquisitionDate": [day], "AcquisitionTime": [time]}
        check(engine, Level.INSTANCE, as_query(asked, Rules(combined=True), offset))


@pytest.mark.parametrize(("stored", "offset"), [("-1200", "+1400"), ("+1400", "-1200")])
def test_zones_may_lie_more_than_a_day_apart(engine: sa.Engine, stored: str, offset: str) -> None:
    of_none = dict.fromkeys(["PatientName", "PatientID", "AccessionNumber"], "")
    fill(
        engine,
        [
            {
                **of_none,
                "StudyDate": day,
                "StudyTime": time,
                "TimezoneOffsetFromUTC": stored,
                "series": [("CT", 1)],
            }
            for day in ("20251230", "20251231", "20260101", "20260102", "20260103")
            for time in ("0030", "12", "2330")
        ],
    )
    asked = {"StudyDate": ["20260101-20260101"], "StudyTime": ["00-2359"]}
    check(engine, Level.STUDY, as_query(asked, Rules(combined=True), offset))


def fill_instances(
    engine: sa.Engine, attributes: list[dict[str, list[Any]]], *, zone: str = "-0500"
) -> None:
    """Index an instance with each of these attributes, all of one study and zone."""
    index = StudyIndex(engine)
    index.clear()
    index.record(
        [
            an_instance(
                f"1.2.1.1.{number}",
                study_instance_uid="1.2.1",
                series_instance_uid="1.2.1.1",
                path=f"{number}.dcm",
                attributes=QueryAttributes(
                    study=as_json(TimezoneOffsetFromUTC=zone),
                    series=as_json(Modality="CT"),
                    instance=json.dumps(
                        {
                            f"{tag_of(name):08X}": {"vr": vr_of(tag_of(name)), "Value": values}
                            for name, values in each.items()
                        }
                    ),
                ),
            )
            for number, each in enumerate(attributes, start=1)
        ]
    )


def test_what_no_column_holds_is_refused_and_never_ignored(engine: sa.Engine) -> None:
    known = archive_keys(Level.STUDY)
    key = make_key(tag_of("Modality"), "CS", ["CT"])
    assert key is not None
    assert key.tag not in known
    with pytest.raises(UnusableQueryError, match="0008,0060"):
        ObjectSearch(engine).find(Level.STUDY, Query(keys=(key,), asked=Dataset()), Window(limit=1))


@settings(parent=MANY, max_examples=15)
@given(
    studies=st.lists(STUDY, min_size=1, max_size=4),
    asked=keys_of("PatientID", "StudyDate", "ModalitiesInStudy"),
    level=st.sampled_from([Level.STUDY, Level.SERIES, Level.INSTANCE]),
    kept=st.sets(st.integers(min_value=1, max_value=4)),
)
def test_series_that_are_kept_back_are_as_if_they_were_not_there(
    engine: sa.Engine,
    studies: list[dict[str, Any]],
    asked: dict[str, list[str]],
    level: Level,
    kept: set[int],
) -> None:
    """The second series of some studies is the node's, and somebody must not know of it."""
    for study in studies:
        study["series"] = [("DX", 1), ("SR", 2)]
    without = frozenset(f"1.2.{number}.2" for number in kept)
    search, query = ObjectSearch(engine), as_query(asked, Rules(empty=True, every=True), "")
    fill(engine, studies)
    pages = [
        search.find(level, query, Window(limit=2, offset=offset), without=without)
        for offset in range(0, 10, 2)
    ]
    fill(engine, [without_results(each, number in kept) for number, each in enumerate(studies, 1)])
    assert pages == [
        search.find(level, query, Window(limit=2, offset=offset)) for offset in range(0, 10, 2)
    ]


def without_results(study: dict[str, Any], are_kept: bool) -> dict[str, Any]:
    return {**study, "series": study["series"][:1]} if are_kept else study


def test_a_page_far_behind_is_reached_where_the_database_can_pass_over_what_is_before(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What only the matcher can tell is read one by one: not without end for one page."""
    module = "dicom_node.persistence.corridor.instance_search"
    monkeypatch.setattr(f"{module}.MOST_PASSED_OVER", 2)
    fill_instances(engine, [{"InstanceNumber": [n], "ImageType": ["A"]} for n in range(6)])
    search = ObjectSearch(engine)
    by_type = as_query({"ImageType": ["A"]}, Rules(), "")
    for query, last in ((Query(keys=(), asked=Dataset()), 5), (by_type, 2)):
        (found,) = search.find(Level.INSTANCE, query, Window(limit=1, offset=last)).found
        assert found["00080018"]["Value"] == [f"1.2.1.1.{last + 1}"]
    with pytest.raises(QueryTooWideError):
        search.find(Level.INSTANCE, by_type, Window(limit=1, offset=3))
