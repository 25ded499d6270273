"""C-FIND matching (PS3.4 Section C.2.2.2)."""

from datetime import UTC, datetime

import pytest
from pydicom.config import disable_value_validation
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from dicom_node.query.errors import UnusableQueryError
from dicom_node.query.matching import DatasetEntity, Key, matches
from dicom_node.query.moments import interval, is_moment
from dicom_node.query.reading import MOST_KEYS, Rules, read_identifier


def dataset(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def agrees(have: Dataset, **query: object) -> bool:
    return matches(DatasetEntity(have), read_identifier(dataset(**query)).keys)


def test_a_key_without_a_value_matches_everything() -> None:
    assert agrees(dataset(PatientID="A1"), PatientID="", PatientName="")


def test_a_single_star_matches_even_what_is_empty() -> None:
    assert agrees(dataset(PatientID=""), PatientID="*")


def test_a_single_value_matches_exactly_and_with_its_case() -> None:
    have = dataset(PatientID="Ab1")
    assert agrees(have, PatientID="Ab1")
    assert not agrees(have, PatientID="AB1")


def test_an_absent_attribute_matches_no_value() -> None:
    assert not agrees(Dataset(), PatientID="A1")
    assert not agrees(dataset(PatientID=""), PatientID="A?")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("A*", True), ("*1", True), ("A?C1", True), ("?1", False), ("a*", False), ("A.C1", False)],
)
def test_wildcards(wanted: str, *, found: bool) -> None:
    assert agrees(dataset(PatientID="ABC1"), PatientID=wanted) is found


def test_person_names_match_whatever_their_case_and_in_each_component_group() -> None:
    have = dataset(PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう")
    assert agrees(have, PatientName="YAMADA*")
    assert agrees(have, PatientName="山田^太郎")
    assert not agrees(have, PatientName="Yamada^Hanako")


def test_a_list_of_uids_matches_each_of_them() -> None:
    have = dataset(StudyInstanceUID="1.2.3")
    assert agrees(have, StudyInstanceUID=["1.2.9", "1.2.3"])
    assert not agrees(have, StudyInstanceUID=["1.2.9", "1.2.30"])


def test_uids_know_no_wildcards() -> None:
    key = Key(tag=Tag("StudyInstanceUID"), vr="UI", values=("1.2.*",))
    assert not matches(DatasetEntity(dataset(StudyInstanceUID="1.2.3")), (key,))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("20260110", True),
        ("20260111", False),
        ("20260101-20260110", True),
        ("-20260110", True),
        ("20260111-", False),
        ("20260101-20260109", False),
    ],
)
def test_dates_match_in_ranges_that_hold_their_ends(wanted: str, *, found: bool) -> None:
    assert agrees(dataset(StudyDate="20260110"), StudyDate=wanted) is found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("20260110120000+0000", True),
        ("20260110130000+0100", True),
        ("20260110120000+0000-20260110120000+0000", True),
        ("20260110115959+0000-", True),
        ("-20260110115959+0000", False),
    ],
)
def test_date_times_match_across_time_zones(wanted: str, *, found: bool) -> None:
    have = dataset(ScheduledProcedureStepStartDateTime="20260110120000+0000")
    assert agrees(have, ScheduledProcedureStepStartDateTime=wanted) is found


def test_a_date_time_of_low_precision_is_the_whole_of_it() -> None:
    found = interval("202601+0000")
    assert found.start == datetime(2026, 1, 1, tzinfo=UTC)
    assert found.end is not None
    assert found.end > datetime(2026, 1, 31, 12, tzinfo=UTC)


def test_times_match_in_ranges() -> None:
    have = dataset(StudyTime="101530")
    assert agrees(have, StudyTime="10-11")
    assert agrees(have, StudyTime="1015")
    assert not agrees(have, StudyTime="1016-")


@pytest.mark.parametrize(
    ("keyword", "stored", "wanted"),
    [
        ("PatientBirthDate", "1962.01.01", "19620101"),
        ("PatientBirthDate", "20261301", "20260101-20270101"),
        ("StudyTime", "noon", "10-14"),
        ("ScheduledProcedureStepStartDateTime", "garbage", "20260101-20270101"),
    ],
)
def test_a_stored_date_that_is_none_matches_nothing_and_breaks_no_query(
    keyword: str, stored: str, wanted: str
) -> None:
    with disable_value_validation():
        have = dataset(**{keyword: stored})
    assert not agrees(have, **{keyword: wanted})


def test_the_last_day_of_all_is_a_date() -> None:
    have = dataset(PatientBirthDate="99991231")
    assert agrees(have, PatientBirthDate="99991231")
    assert agrees(have, PatientBirthDate="20200101-99991231")
    assert not agrees(have, PatientBirthDate="-20200101")
    assert not agrees(dataset(PatientBirthDate="00010101"), PatientBirthDate="20200101-")


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("20260102030405.5+0100", True),
        ("2026", True),
        ("garbage", False),
        ("20261301", False),
        ("20260102-20260103", False),
        ("20260102-", False),
    ],
)
def test_one_date_and_time_is_told_from_a_range(text: str, *, one: bool) -> None:
    assert is_moment(text) is one


def test_a_sequence_matches_when_one_item_matches_all_its_keys() -> None:
    have = dataset(
        ScheduledProcedureStepSequence=Sequence(
            [
                dataset(Modality="CR", ScheduledStationAETitle="A"),
                dataset(Modality="DX", ScheduledStationAETitle="B"),
            ]
        )
    )

    def wanted(**keys: str) -> Sequence:
        return Sequence([dataset(**keys)])

    assert agrees(have, ScheduledProcedureStepSequence=wanted(Modality="DX"))
    assert not agrees(
        have, ScheduledProcedureStepSequence=wanted(Modality="CR", ScheduledStationAETitle="B")
    )
    assert agrees(have, ScheduledProcedureStepSequence=Sequence([]))


def test_what_cannot_be_matched_is_refused_before_anything_is_sent() -> None:
    with pytest.raises(UnusableQueryError, match="more than one item"):
        read_identifier(
            dataset(
                ReferencedRequestSequence=Sequence(
                    [dataset(AccessionNumber="1"), dataset(AccessionNumber="2")]
                )
            )
        )
    for nonsense in ("2026-01-01", "20261301", "yesterday"):
        with pytest.raises(UnusableQueryError):
            interval(nonsense)


def test_a_sequence_whose_item_asks_for_nothing_matches_what_has_none() -> None:
    asks_nothing = Sequence([dataset(Modality="", ScheduledStationAETitle="*")])
    assert agrees(Dataset(), ScheduledProcedureStepSequence=asks_nothing)


def test_as_many_keys_as_are_allowed_are_read_and_not_one_more() -> None:
    def asked(count: int) -> Dataset:
        """Ask by one key, and by others within one sequence."""
        item = Dataset()
        for number in range(count - 2):
            item.add_new((0x0009, 0x1001 + number), "LO", "A")
        return dataset(PatientID="A", ScheduledProcedureStepSequence=Sequence([item]))

    (_, within) = read_identifier(asked(MOST_KEYS)).keys
    assert len(within.keys) == MOST_KEYS - 2
    with pytest.raises(UnusableQueryError, match=f"more than {MOST_KEYS} keys"):
        read_identifier(asked(MOST_KEYS + 1))


@pytest.mark.parametrize(
    ("date", "time", "found"),
    [
        ("20260102", "0400", False),
        ("20260102", "1000", True),
        ("20260103", "0400", True),
        ("20260104", "0600", True),
        ("20260104", "1200", False),
        ("20260103", "", False),
        ("", "1200", False),
    ],
)
def test_ranges_of_date_and_time_are_one_range_where_that_was_negotiated(
    date: str, time: str, *, found: bool
) -> None:
    """PS3.4 Section C.2.2.2.5: from 10 o'clock on the 2nd to 6 o'clock on the 4th."""
    asked = dataset(StudyDate="20260102-20260104", StudyTime="1000-0600")
    have = DatasetEntity(dataset(StudyDate=date, StudyTime=time))
    assert matches(have, read_identifier(asked, Rules(combined=True)).conditions) is found


@pytest.mark.parametrize(
    ("stored", "time", "found"),
    [
        ("+0000", "233000", True),
        ("+0100", "233000", False),  # half past ten at night where the range begins at eleven
        ("-0100", "223000", True),
        ("+0100", "003000", False),
    ],
)
def test_a_range_of_date_and_time_holds_across_time_zones(
    stored: str, time: str, *, found: bool
) -> None:
    asked = dataset(
        StudyDate="20260102-20260103", StudyTime="230000-010000", TimezoneOffsetFromUTC="+0000"
    )
    have = dataset(StudyDate="20260102", StudyTime=time, TimezoneOffsetFromUTC=stored)
    query = read_identifier(asked, Rules(combined=True))
    assert matches(DatasetEntity(have), query.conditions) is found
