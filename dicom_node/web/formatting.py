"""How pages write times, ages and names."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from functools import partial
from typing import Any

from babel import Locale
from markupsafe import Markup, escape

from ai_engine.ct.shares import share_in_words
from sr_templates.language.language import ENGLISH, Language
from sr_templates.percent import percent

_DA_LENGTH = 8
# A name that is no word: of a route, a model, an AE title.
_NAMED = re.compile(r"[^\s:]*[-_0-9][^\s:]*: ")
_UNITS = ((86400, "{count} d"), (3600, "{count} h"), (60, "{count} min"))


def age(then: datetime, now: datetime, language: Language = ENGLISH) -> str:
    """Return how long ago something was, in the largest unit that fits."""
    seconds = max(0, int((now - then).total_seconds()))
    for size, message in _UNITS:
        if seconds >= size:
            return language.filled(message, count=str(seconds // size))
    return language.message("now")


def clock(moment: datetime) -> str:
    """Return the time of day where the node stands."""
    return moment.astimezone().strftime("%H:%M")


def day(moment: datetime, language: Language = ENGLISH) -> str:
    """Return day and time where the node stands."""
    return language.moment(moment.astimezone())


def share(percentage: float | None) -> str:
    """Return a share of a lung in per cent: what is little is not nothing."""
    return "–" if percentage is None else share_in_words(percentage)


def dicom_day(text: str, language: Language = ENGLISH) -> str:
    """Return a date (PS3.5 Section 6.2, VR DA) as pages write it; what is none stays as it is."""
    if not (len(text) == _DA_LENGTH and text.isascii() and text.isdecimal()):
        return text
    try:  # a page has fifty of them, and strptime holds a lock for all threads
        return language.day(date(int(text[:4]), int(text[4:6]), int(text[6:])))
    except ValueError:
        return text


def sentence(words: str, language: Language = ENGLISH) -> str:
    """Return words as a sentence: with a capital, and an end.

    What begins with a name of which something is said (``chest-ct: …``) keeps it as it is written.
    """
    text = language.said(words)
    text = text if _NAMED.match(text) else capital(text)
    return text if text.endswith((".", "!", "?")) else f"{text}."


def forms(language: Language) -> Callable[[str, str], dict[str, str]]:
    """Return what gives a sentence that counts in each of its forms, for scripts to choose from.

    The forms are named by the categories of CLDR's plural rules, as ``Intl.PluralRules`` names
    them; ``{count}`` is left for the script.
    """
    category = Locale.parse(language.code.value).plural_form
    # What a category of whole numbers looks like; "other" is that of fractions where it has none.
    numbers = {category(number): number for number in range(101, 0, -1)}
    numbers.setdefault("other", 5)

    def counted(one: str, many: str) -> dict[str, str]:
        return {name: language.counted(one, many, number) for name, number in numbers.items()}

    return counted


def capital(words: str) -> str:
    """Return words with a capital; the others stay as they are."""
    return words[:1].upper() + words[1:]


def ticked(words: str) -> Markup:
    """Return words of which those between grave accents are code, as Markdown has it."""
    parts = words.split("`")
    return Markup().join(
        Markup("<code>{}</code>").format(part) if number % 2 else escape(part)
        for number, part in enumerate(parts)
    )


def plain(value: object) -> str:
    """Return what a field of a form shows: numbers without what says nothing, lists with commas."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def listed(detail: object) -> str:
    """Return what an entry of the audit trail says, on one line."""
    if isinstance(detail, Mapping):
        said = {name: listed(value) for name, value in detail.items()}
        return ", ".join(f"{name} {value}" for name, value in said.items() if value)
    if isinstance(detail, list | tuple):
        return " ".join(map(listed, detail))
    return str(detail)


def filters(language: Language) -> Mapping[str, Callable[..., Any]]:
    """Return what templates write values with, in a language."""
    return {
        "age": partial(age, language=language),
        "capital": capital,
        "clock": clock,
        "day": partial(day, language=language),
        "dicom_day": partial(dicom_day, language=language),
        "figure": language.figure,
        "listed": listed,
        "percent": lambda *shares: language.figure(percent(*shares)),
        "plain": plain,
        "share": lambda value: language.figure(share(value)),
        "said": lambda words: language.said(str(words)),
        "ticked": ticked,
        "sentence": partial(sentence, language=language),
        "zip": zip,
    }
