"""Which view of the body a header names, whatever it is written like.

View Position (0018,5101) has defined terms (PS3.3 C.8.7.1), View Code Sequence (0054,0220) CID
4010. Modalities also write 'AP SUPINE', 'PORTABLE' or 'FRONTAL'. What is not known says nothing.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType


class ViewPosition(StrEnum):
    """Views, in the terms of View Position (PS3.3 C.8.7.1.1.5), and two that say less."""

    AP = "AP"
    PA = "PA"
    LEFT_LATERAL = "LL"
    RIGHT_LATERAL = "RL"
    LATERAL = "LATERAL"
    """Lateral, of a side that is not said."""
    OBLIQUE = "OBLIQUE"
    FRONTAL = "FRONTAL"
    """AP or PA, not said which."""


LATERAL_VIEWS = frozenset(
    {ViewPosition.LEFT_LATERAL, ViewPosition.RIGHT_LATERAL, ViewPosition.LATERAL}
)
FRONTAL_VIEWS = frozenset({ViewPosition.AP, ViewPosition.PA, ViewPosition.FRONTAL})

_NAMES: Mapping[ViewPosition, str] = MappingProxyType(
    {
        ViewPosition.AP: "ap anteroposterior antpost пз 전후",
        ViewPosition.PA: "pa posteroanterior зп 후전",
        ViewPosition.LEFT_LATERAL: "ll leftlateral llat latl",
        ViewPosition.RIGHT_LATERAL: "rl rightlateral rlat latr",
        ViewPosition.LATERAL: (
            "lat lateral laterale lateralis profil profile perfil profilo seitlich seite "
            "боковая боковои бок бокавая boczne boczny boczna bocna bocni oldaliranyu zijdelings "
            "側面 侧位 側位 측면"
        ),
        ViewPosition.OBLIQUE: (
            "rlo llo lao rao lpo rpo obl oblique oblik schrag oblicua obliqua obliquo косая"
        ),
        ViewPosition.FRONTAL: (
            "frontal frontale frontalis face dv vd ventrodorsal dorsoventral przod przednie прямая "
            "фронтальная 正面 正位 정면"
        ),
    }
)
_WORDS: Mapping[str, ViewPosition] = MappingProxyType(
    {
        unicodedata.normalize("NFKD", word): view
        for view, words in _NAMES.items()
        for word in words.split()
    }
)
_DECUBITUS = frozenset({"decubitus", "decubito", "dekubitus", "decub", "dec"})
_CODES: Mapping[str, ViewPosition] = MappingProxyType(
    {
        "399348003": ViewPosition.AP,
        "R-10206": ViewPosition.AP,
        "272479007": ViewPosition.PA,
        "R-40888": ViewPosition.PA,
        "R-10214": ViewPosition.PA,
        "399173006": ViewPosition.LEFT_LATERAL,
        "R-10236": ViewPosition.LEFT_LATERAL,
        "399198007": ViewPosition.RIGHT_LATERAL,
        "R-10232": ViewPosition.RIGHT_LATERAL,
        "399067008": ViewPosition.LATERAL,
        "R-102CD": ViewPosition.LATERAL,
        "399033003": ViewPosition.FRONTAL,
        "R-10202": ViewPosition.FRONTAL,
        "399182000": ViewPosition.OBLIQUE,
        "R-102C1": ViewPosition.OBLIQUE,
        "399135007": ViewPosition.OBLIQUE,  # left anterior oblique
        "R-10220": ViewPosition.OBLIQUE,
        "399356000": ViewPosition.OBLIQUE,  # right anterior oblique
        "R-40985": ViewPosition.OBLIQUE,
        "399006002": ViewPosition.OBLIQUE,  # left posterior oblique
        "R-10212": ViewPosition.OBLIQUE,
        "399038007": ViewPosition.OBLIQUE,  # right posterior oblique
        "R-10210": ViewPosition.OBLIQUE,
    }
)


_SAYS_LESS: Mapping[ViewPosition, frozenset[ViewPosition]] = MappingProxyType(
    {ViewPosition.FRONTAL: FRONTAL_VIEWS, ViewPosition.LATERAL: LATERAL_VIEWS}
)


def is_one_of(view: ViewPosition, wanted: Iterable[ViewPosition]) -> bool:
    """Whether a view is, or may be, one of those wanted: FRONTAL may be AP, LATERAL may be LL."""
    return any(
        view in _SAYS_LESS.get(each, {each}) or each in _SAYS_LESS.get(view, {view})
        for each in wanted
    )


def _letters(text: str) -> list[str]:
    """The words of a text in small letters without accents."""
    apart = unicodedata.normalize("NFKD", text[:64].casefold())
    plain = "".join(each for each in apart if not unicodedata.combining(each))
    return re.findall(r"[^\W\d_]+", plain)


def view_named(text: str | None) -> ViewPosition | None:
    """Return the view that free text names, or None where it names none, or several.

    ``AP SUPINE`` is AP. ``LLD`` and ``LATERAL DECUBITUS`` are how a patient lies, and not how the
    beam goes.
    """
    words = _letters(text or "")
    if _DECUBITUS & set(words):
        words = [each for each in words if _WORDS.get(each) not in LATERAL_VIEWS]
    found = {_WORDS[each] for each in [*words, "".join(words)] if each in _WORDS}
    if {ViewPosition.AP, ViewPosition.PA} >= found - {ViewPosition.FRONTAL} and len(
        found - {ViewPosition.FRONTAL}
    ) == 1:
        found -= {ViewPosition.FRONTAL}
    if found & {ViewPosition.LEFT_LATERAL, ViewPosition.RIGHT_LATERAL}:
        found -= {ViewPosition.LATERAL}
    return found.pop() if len(found) == 1 else None


def is_lateral_described(text: str | None) -> bool:
    """Whether a description names a lateral view in a whole word, and no other view.

    LL and RL are lobes and sides in free text; how a patient lies is no view.
    """
    words = set(_letters(text or ""))
    spelt = words & set(_NAMES[ViewPosition.LATERAL].split())
    return bool(spelt) and not words & _DECUBITUS and view_named(text) in LATERAL_VIEWS


def view_coded(value: str) -> ViewPosition | None:
    """Return the view of a code of CID 4010 (SNOMED CT, or SNOMED-RT of older systems)."""
    return _CODES.get(value.strip().upper())
