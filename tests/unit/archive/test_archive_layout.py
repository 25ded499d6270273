"""Nothing that a peer sends can name a path outside its own folder."""

from datetime import UTC, date, datetime
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_node.archive import layout

# AE: up to 16 characters of the default repertoire without backslash and control characters; a
# hostile peer is not bound by that.
anything = st.text(st.characters(max_codepoint=0x2FF), max_size=80)
NASTY = ("", ".", "..", "../..", "/etc", "a/b", "a\\b", "~", ".incoming", "A\0B", "con\n", " ")


def is_one_safe_name(name: str) -> bool:
    return (
        name not in ("", ".", "..")
        and not name.startswith(".")
        and "/" not in name
        and "\\" not in name
        and name.isprintable()
        and name == name.strip()
        and len(name.encode()) <= 255
    )


@pytest.mark.slow
@given(st.text(st.characters(max_codepoint=0x7E), max_size=16))
def test_a_device_folder_is_one_safe_name(ae_title: str) -> None:
    assert is_one_safe_name(layout.device_folder(ae_title))


@given(anything)
def test_a_uid_is_one_safe_name(uid: str) -> None:
    assert is_one_safe_name(layout.uid_name(uid))


@pytest.mark.parametrize("nasty", NASTY)
def test_nasty_names_stay_in_their_place(nasty: str) -> None:
    assert is_one_safe_name(layout.device_folder(nasty))
    assert is_one_safe_name(layout.uid_name(nasty))


@pytest.mark.slow
@given(st.lists(st.text(st.characters(max_codepoint=0x7E), max_size=16), unique=True))
def test_different_devices_have_different_folders(titles: list[str]) -> None:
    assert len({layout.device_folder(title) for title in titles}) == len(titles)


@pytest.mark.slow
@given(st.lists(anything, unique=True))
def test_different_uids_have_different_names(uids: list[str]) -> None:
    assert len({layout.uid_name(uid) for uid in uids}) == len(uids)


def test_ordinary_titles_and_uids_can_be_read_in_the_path() -> None:
    folder = layout.series_folder(
        calling_ae="CT_SCANNER-1",
        received_at=datetime(2026, 12, 31, 23, 30, tzinfo=UTC),
        study_uid="1.2.3",
        series_uid="1.2.3.4",
    )

    assert folder == PurePosixPath("CT_SCANNER-1/20261231/1.2.3/1.2.3.4")


def test_a_later_object_with_the_same_uid_is_told_from_the_first() -> None:
    name = layout.conflict_name("1.2.3", "0123456789abcdef")

    assert name == "1.2.3~0123456789ab.dcm"
    assert layout.is_conflict(name)
    assert not layout.is_conflict(layout.uid_name("1.2.3") + layout.SUFFIX)


@pytest.mark.parametrize(
    ("name", "day"),
    [
        ("20260304", date(2026, 3, 4)),
        ("20261345", None),
        ("2026-03-4", None),
        ("lost+found", None),
    ],
)
def test_only_dates_are_days(name: str, day: date | None) -> None:
    assert layout.day_of(name) == day
