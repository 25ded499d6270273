"""What people write reaches reports without what no report may carry, and with the rest."""

import unicodedata

import pytest

from dicom_node.domain.review.words import one_line

# The first and the last of each range of PS3.5 Section 6.1.3 and of halves of characters.
FORBIDDEN = ("\x00", "\x1f", "\x7f", "\x80", "\x85", "\x9f", "\ud800", "\udfff")
NEIGHBOURS = ("!", "~", "\xa1", "\ud7fb", "\uf900", "\u200c", "\u200d", "\u200f")


@pytest.mark.parametrize("character", FORBIDDEN, ids=ascii)
def test_a_control_character_or_half_of_one_parts_words_and_is_gone(character: str) -> None:
    assert unicodedata.category(character) in ("Cc", "Cs")
    assert one_line(f"small{character}nodule") == "small nodule"


@pytest.mark.parametrize("character", NEIGHBOURS, ids=ascii)
def test_what_stands_beside_them_and_marks_of_scripts_stay(character: str) -> None:
    assert one_line(f"small{character}nodule") == f"small{character}nodule"


def test_many_lines_become_one() -> None:
    assert one_line("  left\r\n\tupper  lobe\n") == "left upper lobe"
