"""A language: how sentences, dates and numbers are written in it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path

from sr_templates.language.catalogue import Catalogue, read_catalogue
from sr_templates.language.sentence import PLACEHOLDER, Sentence

LOCALE = Path(__file__).parents[1] / "locale"
# Of figures, a point that separates decimals.
_DECIMALS = re.compile(r"(?<![\d.])(-?\d+)\.(\d+)(?![\d.])")
_SHARE = re.compile(r"[<>]? ?[+-]?[\d.]+( ?%| ml| mm| HU| s)?|\d{4}-\d\d-\d\d[T ]?[\d:.+]*")
_WITH_SHARE = re.compile(r"(.+?) ([<>]? ?[\d.]+ %)")
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?]) (?=[A-Z])")
_DEEPEST = 8


class LanguageCode(StrEnum):
    """The languages there are, by their RFC 5646 tags."""

    ENGLISH = "en"
    RUSSIAN = "ru"
    KAZAKH = "kk"
    ROMANIAN = "ro"
    BELARUSIAN = "be"

    @property
    def english_name(self) -> str:
        """What it is called in English."""
        return self.name.capitalize()


OWN_NAMES: Mapping[LanguageCode, str] = {
    LanguageCode.ENGLISH: "English",
    LanguageCode.RUSSIAN: "Русский",
    LanguageCode.KAZAKH: "Қазақша",
    LanguageCode.ROMANIAN: "Română",
    LanguageCode.BELARUSIAN: "Беларуская",
}
"""What each language is called by those who speak it."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Language:
    """One language, with what is said in it; English says what it is given.

    ``catalogue`` is None for English.
    """

    code: LanguageCode
    catalogue: Catalogue | None = None
    _sentences: tuple[Sentence, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        if self.catalogue is not None:
            found = {*self.catalogue.messages, *self.catalogue.plurals}
            with_values = (Sentence(message=each) for each in found if PLACEHOLDER.search(each))
            ordered = sorted(with_values, key=lambda one: (-one.fixed, one.message))
            object.__setattr__(self, "_sentences", tuple(ordered))

    @property
    def is_english(self) -> bool:
        """Whether nothing is translated."""
        return self.catalogue is None

    def message(self, text: str) -> str:
        """Return a message of the catalogue as it stands there; itself where it has none."""
        if self.catalogue is None:
            return text
        forms = self.catalogue.messages.get(text)
        if forms is not None:
            return forms[0]
        # A catalogue has a message once, with a large or a small letter at its beginning.
        other = self.catalogue.messages.get(text[:1].swapcase() + text[1:])
        if other is None:
            return text
        first = other[0][:1]
        return (first.upper() if text[:1].isupper() else first.lower()) + other[0][1:]

    def filled(self, text: str, **values: str) -> str:
        """Return a message with values that are nobody's to translate."""
        return PLACEHOLDER.sub(lambda found: values[found[1]], self.message(text))

    def counted(self, one: str, many: str, count: int) -> str:
        """Return the form of a message that ``count`` takes."""
        if self.catalogue is None:
            return one if count == 1 else many
        forms = self.catalogue.messages.get(one)
        if forms is None or len(forms) == 1:
            return self.message(one if count == 1 else many)
        return forms[min(self.catalogue.form_of(count), len(forms) - 1)]

    def said(self, words: str) -> str:
        """Say words of the node in this language; what is no sentence of its own stays as it is."""
        if self.catalogue is None or not words:
            return words
        if _SHARE.fullmatch(words):
            return self.figure(words)
        translated = self._said(words, _DEEPEST)
        return words if translated is None else translated

    def whole(self, words: str) -> str:
        """Say words that are one sentence of the node, and leave any other as they are."""
        if self.catalogue is None or not words:
            return words
        return self._known(words, _DEEPEST) or self._cased(words, _DEEPEST) or words

    def figure(self, words: str) -> str:
        """Write the decimals of figures as this language does."""
        if self.is_english:
            return words
        from babel.numbers import get_decimal_symbol  # noqa: PLC0415 - as above

        return _DECIMALS.sub(rf"\1{get_decimal_symbol(self.code.value)}\2", words)

    def day(self, day: date) -> str:
        """Write a date so that nobody takes the month for the day."""
        if self.is_english:
            return f"{day:%Y-%m-%d}"
        from babel.dates import format_date  # noqa: PLC0415 - only where it is wanted

        return format_date(day, "medium", locale=self.code.value)

    def moment(self, moment: datetime) -> str:
        """Write a date with the time of day."""
        return f"{self.day(moment.date())} {moment:%H:%M}"

    def _said(self, words: str, depth: int) -> str | None:
        """Return words in this language; None where nothing of them is known."""
        if not depth:
            return None
        return (
            self._exactly(words)
            # Several statements on one line of a picture.
            or self._parts(words, words.split("    "), "    ", depth)
            or self._known(words, depth)
            or self._stopped(words, depth)
            or self._parts(words, _BETWEEN_SENTENCES.split(words), " ", depth)
            or self._headed(words, depth)
            or self._parts(words, words.split("; "), "; ", depth)
            or self._cased(words, depth)
            or self._parts(words, words.split(": ", 1), ": ", depth)
            or self._parts(words, words.split(", "), ", ", depth)
            or self._ended(words, depth)
            or self._measured(words, depth)
        )

    def _exactly(self, words: str) -> str | None:
        assert self.catalogue is not None  # noqa: S101 - asked for other languages alone
        forms = self.catalogue.messages.get(words)
        if forms is None:
            other = words[:1].swapcase() + words[1:]
            # A message as it stands is meant before any with values: slices are missing.
            return self.message(words) if other in self.catalogue.messages else None
        return PLACEHOLDER.sub("1", forms[self.catalogue.form_of(1)]) if forms[1:] else forms[0]

    def _known(self, words: str, depth: int) -> str | None:
        exact = self._exactly(words)
        if exact is not None:
            return exact
        for sentence in self._sentences:
            values = sentence.values(words)
            if values is not None and (
                sentence.is_telling or self._all_known(values.values(), depth)
            ):
                return self._with_values(sentence.message, values, depth)
        return None

    def _all_known(self, values: Iterable[str], depth: int) -> bool:
        """Whether all values of a sentence that has hardly a word of its own are the node's.

        None of them is a list: that is said part by part.
        """
        return all(
            _SHARE.fullmatch(each) or (", " not in each and self._said(each, depth - 1) is not None)
            for each in values
        )

    def _with_values(self, message: str, values: Mapping[str, str], depth: int) -> str:
        assert self.catalogue is not None  # noqa: S101 - as above
        one = self.catalogue.plurals.get(message)
        forms = self.catalogue.messages[one or message]
        form, counted = forms[0], ""
        if forms[1:]:
            # What a singular says without a placeholder is 1.
            counted = "" if one else "1"
            count = next((int(each) for each in values.values() if each.isdecimal()), 0)
            form = forms[min(self.catalogue.form_of(1 if counted else count), len(forms) - 1)]
        said = {name: self._value(name, each, depth) for name, each in values.items()}
        filled = PLACEHOLDER.sub(lambda found: said.get(found[1], counted or found[0]), form)
        # What stands at the beginning here may have stood at the end there.
        is_begun = message[:1].isupper() and form.startswith("{")
        return filled[:1].upper() + filled[1:] if is_begun else filled

    def _value(self, name: str, value: str, depth: int) -> str:
        if _SHARE.fullmatch(value):
            return value if "version" in name else self.figure(value)
        return self._said(value, depth - 1) or value

    def _cased(self, words: str, depth: int) -> str | None:
        """Words whose first letter was made large for the beginning of a line, or small within."""
        first, rest = words[:1], words[1:]
        if first.isupper() and rest[:1].islower():
            found = self._known(first.lower() + rest, depth)
            return found and found[:1].upper() + found[1:]
        if first.islower():
            found = self._known(first.upper() + rest, depth)
            return found and found[:1].lower() + found[1:]
        return None

    def _headed(self, words: str, depth: int) -> str | None:
        """One sentence of the node behind another: a reason, and what it is in detail."""
        head, _, rest = words.partition(": ")
        first = (self._known(head, depth) or self._cased(head, depth)) if rest else None
        second = (self._known(rest, depth) or self._cased(rest, depth)) if first else None
        return f"{first}: {second}" if first and second else None

    def _measured(self, words: str, depth: int) -> str | None:
        """Say something with its share behind it: ``Right lung 5.9 %``."""
        found = _WITH_SHARE.fullmatch(words)
        said = self._said(found[1], depth - 1) if found else None
        return f"{said} {self.figure(found[2])}" if found and said else None

    def _stopped(self, words: str, depth: int) -> str | None:
        """One sentence of the node with a full stop behind it."""
        found = self._known(words[:-1], depth) if words.endswith(".") else None
        return found and f"{found}."

    def _ended(self, words: str, depth: int) -> str | None:
        """Words to which the end of a sentence was added, or from which it was taken."""
        if words.endswith("."):
            found = self._said(words[:-1], depth - 1)
            return found and f"{found}."
        assert self.catalogue is not None  # noqa: S101 - as above
        found = self._known(f"{words}.", depth) if words[-1:].isalpha() else None
        return found and found.removesuffix(".")

    def _parts(self, words: str, parts: Sequence[str], between: str, depth: int) -> str | None:
        """Several sentences in a row, or parts of one: each by itself where any is known."""
        if len(parts) < 2:
            return None
        said = [self._said(each, depth - 1) for each in parts]
        if not any(said):
            return None
        return between.join(one or other for one, other in zip(said, parts, strict=True))


ENGLISH = Language(code=LanguageCode.ENGLISH)
"""In which everything is said first."""


def language_code(text: str) -> LanguageCode:
    """Return the language that a tag such as ``ru-RU`` names; English for any other."""
    primary = text.strip().lower().split("-")[0]
    return LanguageCode(primary) if primary in set(LanguageCode) else LanguageCode.ENGLISH


@cache
def result_language(code: str) -> Language:
    """Return the language of results; its catalogue is read the first time it is wanted."""
    known = language_code(code)
    if known is LanguageCode.ENGLISH:
        return ENGLISH
    return Language(code=known, catalogue=read_catalogue(LOCALE / f"{known.value}.po"))
