"""In which language a page is: as its reader has chosen, or else as the browser asks."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from fastapi import Request

from dicom_node.domain.user import User
from sr_templates.language.catalogue import read_catalogue
from sr_templates.language.language import ENGLISH, Language, LanguageCode, result_language

LOCALE = Path(__file__).parent / "locale"
CHOSEN = "language"
"""The choice of somebody who is not signed in yet, in the cookie of the session."""


@cache
def page_language(code: LanguageCode) -> Language:
    """Return a language with the words of pages and of results; read the first time."""
    results = result_language(code.value)
    if results.catalogue is None:
        return ENGLISH
    pages = read_catalogue(LOCALE / f"{code.value}.po")
    return Language(code=code, catalogue=pages.joined(results.catalogue))


def language_of(request: Request, user: User | None) -> Language:
    """Return the language of what a request is answered with."""
    chosen = (user.language if user else "") or str(request.session.get(CHOSEN, ""))
    if chosen in set(LanguageCode):
        return page_language(LanguageCode(chosen))
    return page_language(preferred(request.headers.get("Accept-Language", "")))


def preferred(accepted: str) -> LanguageCode:
    """Return the language that a header Accept-Language (RFC 9110, 12.5.4) likes best."""
    known = set(LanguageCode)
    ordered = sorted(_weighed(accepted), key=lambda one: -one[1])
    return next(
        (LanguageCode(tag) for tag, weight in ordered if weight and tag in known),
        LanguageCode.ENGLISH,
    )


def _weighed(accepted: str) -> Iterator[tuple[str, float]]:
    for each in accepted.split(","):
        tag, _, weight = each.strip().partition(";q=")
        try:
            yield tag.strip().lower().split("-")[0], float(weight) if weight else 1.0
        except ValueError:
            continue
