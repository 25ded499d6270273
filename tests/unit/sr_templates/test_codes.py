"""Codes mean what the Standard says they mean."""

import pytest
from pydicom.sr._concepts_dict import concepts
from pydicom.sr.coding import Code

from ai_engine.prediction import Code as PredictionCode
from ai_engine.prediction import RefusalReason, RemarkKind
from sr_templates import codes

ALL = {
    name: value for name, value in vars(codes).items() if isinstance(value, Code) and name.isupper()
}


# Meanings that TID tables give; annex D and SNOMED's full names say more.
# As procedures, where the Standard's context groups have the titles of documents on them.
SYNONYMS = {"SOURCE": {"source"}, "CHEST_CT": {"ct chest"}}


def meanings(code: Code) -> set[str]:
    """Return what pydicom's copy of the Standard calls a code, if it has it."""
    by_keyword = concepts.get(code.scheme_designator, {})
    return {entry[code.value][0] for entry in by_keyword.values() if code.value in entry}


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_code_has_the_standards_meaning(name: str) -> None:
    code = ALL[name]
    known = {meaning.replace("\u200b", "").lower() for meaning in meanings(code)}
    assert not known or code.meaning.lower() in known | SYNONYMS.get(name, set())


def test_each_refusal_has_a_code_with_its_words() -> None:
    assert set(codes.REFUSAL_REASONS) == set(RefusalReason)
    for reason, code in codes.REFUSAL_REASONS.items():
        assert code.meaning.lower() == reason.value.lower()
        assert len(code.value) <= 16


def test_each_remark_has_a_code_with_its_words() -> None:
    assert set(codes.REMARKS) == set(RemarkKind)
    for kind, code in codes.REMARKS.items():
        assert code.meaning.lower() == kind.value.lower()
        assert len(code.value) <= 16


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("Pneumonia", "Probability of pneumonia"),
        ("COPD", "Probability of COPD"),
        ("x" * 80, "Probability of " + "x" * 49),
    ],
)
def test_a_probability_says_of_what_it_is(title: str, words: str) -> None:
    finding = PredictionCode(value="233604007", scheme="SCT", meaning="Pneumonia")
    assert codes.probability_of(finding, title).meaning == words


def test_a_code_value_that_is_too_long_is_a_long_code_value() -> None:
    item = codes.code_item(Code("1" * 17, "SCT", "Long"))
    assert item.LongCodeValue == "1" * 17
    assert "CodeValue" not in item
