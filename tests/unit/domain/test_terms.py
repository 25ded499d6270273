"""What readers type becomes a code of the Standard, where it is a term of it."""

import pytest
from pydicom.sr.codedict import codes

from ai_engine.library.labels import FINDINGS
from dicom_node.domain.review.terms import TERMS, term_of

LISTS = ("cid6101", "cid6103", "cid6104", "cid6105", "cid6106", "cid6138")


def test_every_term_is_one_of_the_standard_or_of_the_labels() -> None:
    known = {(each.value, each.scheme, each.meaning) for each in FINDINGS.values()}
    for name in LISTS:
        group = getattr(codes, name)
        for each in (getattr(group, keyword) for keyword in group.dir()):
            known.add((each.value, each.scheme_designator, each.meaning))
    assert [
        each for each in TERMS.values() if (each.value, each.scheme, each.meaning) not in known
    ] == []
    assert list(TERMS) == sorted(TERMS)
    assert len({(each.scheme, each.value) for each in TERMS.values()}) == len(TERMS)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("Kerley B line", "112110"),
        ("  kerley  b line. ", "112110"),
        ("Chest tube: right, too deep", "112173"),
        ("something like a Kerley B line", None),
        ("", None),
    ],
)
def test_words_that_are_a_term(words: str, value: str | None) -> None:
    term = term_of(words)
    assert (term.value if term else None) == value
