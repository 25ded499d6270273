"""The impression of a CT in other languages: whole, and nothing that was measured counts as not."""

import pytest

from sr_templates.ct.codes import CAUTIONS
from sr_templates.language.language import LanguageCode, result_language

OTHERS = [each for each in LanguageCode if each is not LanguageCode.ENGLISH]


@pytest.mark.parametrize("code", OTHERS)
def test_each_reason_against_a_grade_is_said_in_the_impression(code: LanguageCode) -> None:
    language = result_language(code.value)
    for caution in CAUTIONS.values():
        words = caution.meaning[:1].lower() + caution.meaning[1:]
        impression = (
            f"AI result, not verified: cannot grade: {words}, {words}; images may be missing."
        )
        assert words not in language.said(impression)


@pytest.mark.parametrize(
    ("code", "unmeasured"),
    [("ru", "не измерена"), ("be", "не вымерана"), ("kk", "өлшенбеді")],
)
def test_no_inhomogeneity_is_another_thing_than_none_that_was_measured(
    code: str, unmeasured: str
) -> None:
    language = result_language(code)
    for words in (
        "no inhomogeneity measured in 4321 ml of aerated lung",
        "No inhomogeneity measured on this slice",
        "No inhomogeneity measured in 4321 ml of aerated lung (grade 1).",
    ):
        said = language.said(words)
        assert said != words
        assert unmeasured not in said
