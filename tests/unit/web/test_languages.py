"""Pages in the language of whoever reads them."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicom_node.web import formatting
from dicom_node.web.formatting import age, day, filters, sentence
from dicom_node.web.languages import page_language, preferred
from sr_templates.language.language import LanguageCode

TEMPLATES = Path(formatting.__file__).parent / "templates"
RUSSIAN = page_language(LanguageCode.RUSSIAN)


@pytest.mark.parametrize(
    ("accepted", "wanted"),
    [
        ("ru-RU,ru;q=0.9,en;q=0.8", LanguageCode.RUSSIAN),
        ("fr-FR, kk;q=0.5, en;q=0.4", LanguageCode.KAZAKH),
        ("en-GB,ro;q=0.1", LanguageCode.ENGLISH),
        ("be;q=0", LanguageCode.ENGLISH),
        ("", LanguageCode.ENGLISH),
        ("*;q=x", LanguageCode.ENGLISH),
    ],
)
def test_a_browser_gets_the_language_that_it_likes_best(
    accepted: str, wanted: LanguageCode
) -> None:
    assert preferred(accepted) is wanted


def test_times_and_figures_are_written_as_the_language_does() -> None:
    then = datetime(2026, 1, 2, 12, tzinfo=UTC)
    assert day(then, RUSSIAN).replace("\u202f", " ") == f"2 янв. 2026 г. {then.astimezone():%H:%M}"
    assert age(then, then + timedelta(hours=3), RUSSIAN) == "3 ч"
    assert filters(RUSSIAN)["figure"]("0.52 1.2.840") == "0,52 1.2.840"


def test_words_of_python_are_said_where_they_are_shown() -> None:
    write = filters(RUSSIAN)
    assert write["sentence"]("port 0 is not in 1 to 65535.") == "Порт 0 не от 1 до 65535."
    assert write["said"]("a hospital's own words") == "a hospital's own words"
    assert RUSSIAN.counted("%(count)s time", "%(count)s times", 3) == "%(count)s раза"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("chest-ct: no weights", "chest-ct: no weights."),
        ("practice_hand: the file is damaged", "practice_hand: the file is damaged."),
        ("failed: no route", "Failed: no route."),
        ("half-way", "Half-way."),
    ],
)
def test_a_sentence_leaves_the_name_that_it_is_about_as_it_is_written(
    words: str, said: str
) -> None:
    assert sentence(words) == said


@pytest.mark.parametrize(
    ("code", "forms"),
    [
        (LanguageCode.ENGLISH, {"one", "other"}),
        (LanguageCode.RUSSIAN, {"one", "few", "many", "other"}),
        (LanguageCode.ROMANIAN, {"one", "few", "other"}),
    ],
)
def test_scripts_get_each_form_of_a_sentence_that_counts(
    code: LanguageCode, forms: set[str]
) -> None:
    """By the names that browsers give to the categories (`Intl.PluralRules`)."""
    counted = formatting.forms(page_language(code))
    said = counted("{count} image arrived and is kept.", "{count} images arrived and are kept.")
    assert set(said) == forms
    assert all("{count}" in each for each in said.values())
    assert len(set(said.values())) == (len(forms) if "many" not in forms else 3)


# Names of tools and keys, which scripts know by them.
_NO_WORDS = frozenset({"data-tool", "data-key"})
_ATTRIBUTE = re.compile(r'\b(data-[a-z-]+|placeholder|title|aria-label|alt)="([A-Z][a-z][^"{]*)"')


_SAID_BY_SCRIPTS = re.compile(r"""(?:new Option\(|textContent = )['"]([A-Z][^'"]*)""")


def test_what_scripts_put_on_pages_comes_from_pages() -> None:
    """Templates give scripts their words, in the reader's language."""
    scripts = sorted((TEMPLATES.parent / "ui" / "src").glob("*.js"))
    assert len(scripts) > 2
    plain = {
        (script.name, words)
        for script in scripts
        for words in _SAID_BY_SCRIPTS.findall(script.read_text(encoding="utf-8"))
    }
    assert plain == set()


def test_words_in_attributes_are_translated_as_those_between_tags_are() -> None:
    plain = {
        (template.name, attribute, words)
        for template in TEMPLATES.glob("*.html")
        for attribute, words in _ATTRIBUTE.findall(template.read_text(encoding="utf-8"))
        if attribute not in _NO_WORDS
    }
    assert plain == set()
