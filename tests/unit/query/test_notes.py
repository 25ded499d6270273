"""Notes of values: short, alike for all that is worth as much, and none where it is not known."""

import pytest

from dicom_node.query.notes import LONGEST, note


@pytest.mark.parametrize(
    ("vr", "texts", "noted"),
    [
        ("CS", (), ""),
        ("CS", ("ORIGINAL", "PRIMARY"), "\\ORIGINAL\\PRIMARY\\"),
        ("US", ("512",), "\\512\\"),
        ("IS", ("007", "7.0", "0.7e1"), "\\7\\7\\7\\"),
        ("IS", ("-0", "2.50"), "\\0\\2.5\\"),
        ("DA", ("20260101",), "20260101"),
        ("TM", ("0830",), "30600000000"),
        ("TM", ("00",), "00000000000"),
    ],
)
def test_values_are_noted(vr: str, texts: tuple[str, ...], noted: str) -> None:
    assert note(vr, texts) == noted


@pytest.mark.parametrize(
    ("vr", "texts"),
    [
        ("DA", ("20260101", "20260102")),
        ("DA", ("20260230",)),
        ("TM", ("noon",)),
        ("IS", ("many",)),
        ("IS", ("1e999",)),
        ("LO", ("Ä" * (LONGEST // 2),)),
        ("LO", ("half \ud800",)),
        ("LO", ("a\0b",)),
    ],
)
def test_what_has_no_note_is_left_to_the_matcher(vr: str, texts: tuple[str, ...]) -> None:
    assert note(vr, texts) is None
