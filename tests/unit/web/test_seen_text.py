"""Which characters of administered texts are taken: all that people write, none that hide."""

import pytest

from dicom_node.administration.entries import has_unseen


@pytest.mark.parametrize(
    "text",
    [
        "胸部\u3000CT",  # a wide space, as Japanese keyboards give
        "Salle\u00a02",
        "می\u200cخواهم",  # letters that are kept apart
        "👨\u200d⚕️",  # two pictures that are one
        "Müller & Söhne <b>",
        "a line\nand another\tone",
    ],
)
def test_what_people_write_is_taken(text: str) -> None:
    assert not has_unseen(text)


@pytest.mark.parametrize(
    "text", ["\u202erouter", "\u2066isolated", "chest\a", "\x9b31m", "zero\u200bwidth", "\ud800"]
)
def test_what_nobody_sees_is_not(text: str) -> None:
    assert has_unseen(text)


def test_a_name_has_one_line() -> None:
    assert has_unseen("two\nlines", lines=False)
    assert not has_unseen("one line", lines=False)
