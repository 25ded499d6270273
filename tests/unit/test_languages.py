"""The catalogues: every message in every language, with the same values, and no literal beside."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from scripts.messages import LANGUAGES, catalogues, page_template, result_template

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "dicom_node/web/templates").glob("*.html"))
_SELECTORS = {"notice notice-problem", "legend kbd"}
SCRIPTS = sorted((ROOT / "dicom_node/web/ui/src").glob("*.js"))
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SENTENCE = re.compile(r"""(?<=[(=:?,\[{ ])(['"`])([^'"`\n]*[A-Za-z]{3,} [a-z]{2,}[^'"`\n]*)\1""")
_VALUES = re.compile(r"\{\w+\}|%\(\w+\)s|</?[a-z]+>")
_JINJA = re.compile(r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}", re.DOTALL)
# Commands, and the attributes that a macro writes.
_NO_WORDS = re.compile(r"<pre.*?</pre>|aria-(?:describedby|invalid)=\"[^\"]*\"", re.DOTALL)
_LITERAL = re.compile(r">([^<>]*[A-Za-z]{3}[^<>]*)<")
_ATTRIBUTE = re.compile(r"""\s(?:title|aria-label|placeholder|alt)="([^"]*[A-Za-z]{3}[^"]*)\"""")
# Names of things, which are the same in every language.
_NAMES = {"DICOM AI node", "dicom-node users add NAME --role expert --role admin", "2026-01-31"}


def _catalogue(folder: Path, language: str) -> Catalog:
    with (folder / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def _forms(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string)


def _each(language: str) -> Iterator[Message]:
    for folder in catalogues():
        yield from (each for each in _catalogue(folder, language) if each.id)


@pytest.fixture(scope="module")
def wanted() -> dict[Path, Catalog]:
    results = result_template()
    return dict(zip(catalogues(), (results, page_template(results)), strict=True))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_is_translated_beyond_doubt(language: str) -> None:
    lacking = [each.id for each in _each(language) if each.fuzzy or not all(_forms(each))]
    assert lacking == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_values_of_its_message(language: str) -> None:
    wrong = []
    for each in _each(language):
        ids = (each.id,) if isinstance(each.id, str) else tuple(each.id)
        values = sorted({*_VALUES.findall(ids[-1])})
        # A form that counts may leave its number out: "one image".
        for form in _forms(each):
            found = sorted({*_VALUES.findall(form)})
            if found != values and not (len(ids) > 1 and set(found) <= set(values)):
                wrong.append((each.id, form))
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_catalogues_hold_what_code_and_pages_say(
    language: str, wanted: dict[Path, Catalog]
) -> None:
    for folder, template in wanted.items():
        said = {each.id for each in template if each.id}
        known = {each.id for each in _catalogue(folder, language) if each.id}
        assert sorted(map(str, said - known)) == [], "run `make messages`, and translate these"
        assert sorted(map(str, known - said)) == [], "run `make messages`: nobody says these"


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_has_no_words_of_its_own(path: Path) -> None:
    code = _COMMENT.sub("", path.read_text("utf-8"))
    assert [each for _, each in _SENTENCE.findall(code) if each not in _SELECTORS] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_a_template_has_no_words_outside_of_messages(path: Path) -> None:
    text = re.sub(r"\{% trans.*?endtrans %\}", "", path.read_text("utf-8"), flags=re.DOTALL)
    bare = _NO_WORDS.sub("", _JINJA.sub("", text))
    words = [*_LITERAL.findall(bare), *_ATTRIBUTE.findall(bare)]
    assert [each.strip() for each in words if each.strip() not in _NAMES] == []
