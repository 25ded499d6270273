"""Codes of content items are read alike everywhere, long ones too (PS3.3 8.8)."""

from pydicom.dataset import Dataset

from sr_templates.coded_values import code_meaning, code_value, scheme

NAME = "ConceptNameCodeSequence"


def an_item(**code: str) -> Dataset:
    item, concept = Dataset(), Dataset()
    for keyword, value in code.items():
        setattr(concept, keyword, value)
    item.ConceptNameCodeSequence = [concept]
    return item


def test_a_code_that_is_too_long_for_code_value_is_read() -> None:
    long = "621566751000087104"  # of more than 16 characters: Long Code Value (0008,0119)
    item = an_item(LongCodeValue=long, CodingSchemeDesignator="SCT", CodeMeaning="A finding")
    assert (code_value(item, NAME), scheme(item, NAME)) == (long, "SCT")
    assert code_meaning(item, NAME) == "A finding"


def test_a_code_that_is_a_urn_is_read() -> None:
    item = an_item(URNCodeValue="urn:lex:us:federal:codified.regulation", CodeMeaning="HIPAA")
    assert code_value(item, NAME) == "urn:lex:us:federal:codified.regulation"
    assert scheme(item, NAME) == "", "a URN needs none"


def test_what_is_missing_is_empty() -> None:
    empty = Dataset()
    empty.ConceptNameCodeSequence = []
    for item in (Dataset(), empty, an_item()):
        assert (code_value(item, NAME), scheme(item, NAME), code_meaning(item, NAME)) == ("",) * 3
