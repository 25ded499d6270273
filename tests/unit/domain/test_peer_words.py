"""What peers say in words of their own is kept in rows, and out of the log."""

import pytest

from dicom_node.domain.peer_words import peer_words, without_peer_words


@pytest.mark.parametrize("said", ["patient DOE^JANE unknown", "DOE‹JANE", "DOE›JANE", " DOE "])
def test_what_a_peer_has_said_is_left_out_of_the_log(said: str) -> None:
    line = f"refused: {peer_words(said)}, status A700"
    assert "DOE" in line
    assert without_peer_words(line) == "refused: ‹…›, status A700"


def test_words_that_were_cut_off_are_left_out_as_well() -> None:
    cut = f"refused: {peer_words('patient DOE^JANE')}"[:-4]
    assert without_peer_words(cut) == "refused: ‹…›"


@pytest.mark.parametrize("said", [None, "", "  ", "two\nlines", "\x1b[31m"])
def test_nothing_readable_is_nothing(said: object) -> None:
    assert peer_words(said) == ""
    assert without_peer_words("sent 3 objects") == "sent 3 objects"
