"""Values are repaired where that needs no guess, and given up where it does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.config import RAISE
from pydicom.valuerep import validate_value

from sr_templates.repair import is_uid, long_string, repaired, shortened


@pytest.mark.parametrize(
    ("vr", "text", "expected"),
    [
        ("AS", "062Y", "062Y"),
        ("AS", "62y", "062Y"),
        ("AS", "3 M", "003M"),
        ("AS", "62", None),
        ("AS", "sixty", None),
        ("DA", "19600102", "19600102"),
        ("DA", "1960-01-02", "19600102"),
        ("DA", "1960.01.02", "19600102"),
        ("DA", "19601399", None),
        ("DA", "19600000", None),
        ("DA", "1960", None),
        ("DA", "02/01/1960", None),
        ("TM", "041500", "041500"),
        ("TM", "04:15:00", "041500"),
        ("TM", "041500.123456", "041500.123456"),
        ("TM", "04", "04"),
        ("TM", "2515", None),
        ("TM", "noon", None),
        ("DS", "70,5", "70.5"),
        ("DS", "70.123456789012345678", "70.12345679"),
        ("DS", "-1.23456789123e100", "-1.23456789e+100"),
        ("DS", "-1.23456789123E-300", "-1.23456789e-300"),
        ("DS", "heavy", None),
        ("DS", "1E999", None),
        ("DS", "-9e99999", None),
        ("DS", "9" * 400, None),
        ("IS", "12", "12"),
        ("IS", "1A", None),
        ("CS", "chest", "CHEST"),
        ("CS", "THIS IS FAR TOO LONG", None),
        ("LO", "one\ntwo", "one two"),
        ("LO", "x" * 70, "x" * 64),
        ("PN", "Doe^Jane\r\n", "Doe^Jane"),
        ("PN", "A^B^C^D^E^F^G=H=I=J", "A^B^C^D^E=H=I"),
        ("PN", "Doe^Jane^^^", "Doe^Jane^^^"),
        ("PN", "<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("PN", f"{'x' * 80}=Ideographic", f"{'x' * 64}=Ideographic"),
        ("UI", "1.2.3", "1.2.3"),
        ("UI", "1.02.3", None),
        ("UI", "dcc", None),
        ("LT", "two\r\nlines\x07", "two\r\nlines"),
    ],
)
def test_a_value_takes_the_form_its_representation_asks_for(
    vr: str, text: str, expected: str | None
) -> None:
    assert repaired(vr, text) == expected


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("Lung inhomogeneity", 64, "Lung inhomogeneity"),
        ("Lung inhomogeneity on chest CT", 24, "Lung inhomogeneity on..."),
        ("Lung inhomogeneity on chest CT", 21, "Lung inhomogeneity..."),
        ("Probability of: this, that", 20, "Probability of..."),
        ("x" * 70, 64, "x" * 64),
    ],
)
def test_the_nodes_own_words_are_cut_between_words(text: str, limit: int, expected: str) -> None:
    assert shortened(text, limit) == expected


@pytest.mark.slow
@given(
    st.sampled_from(["AS", "CS", "DA", "DS", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UI"]),
    st.text().map(lambda text: text.replace("\\", " ")),
)
def test_whatever_is_repaired_is_valid(vr: str, text: str) -> None:
    value = repaired(vr, text.strip())
    if value is not None:
        validate_value(vr, value, RAISE)


@given(st.text(max_size=200))
def test_the_nodes_own_text_fits_a_long_string(text: str) -> None:
    validate_value("LO", long_string(text), RAISE)


def test_a_uid_of_65_characters_is_not_valid() -> None:
    assert is_uid("1." + "2" * 62)
    assert not is_uid("1." + "2" * 63)
