"""The character set of what is indexed, also where a header names it wrongly (PS3.3 C.12.1.1.2).

Two objects of one patient may name one set rightly and one not: read as they say, the patient would
have two names. Results say what was corrected (`sr_templates.character_set`); here it is enough
that the same name is read alike.
"""

import re

from pydicom.charset import python_encoding

from sr_templates.character_set_terms import spelt

_C1 = re.compile(rb"[\x80-\x9f]")
_LATIN_1 = frozenset({"iso8859", "latin-1", "latin_1"})
_SINGLE_BYTE = re.compile(r"iso8859|latin")


def stated_terms(character_set: bytes) -> list[str]:
    """Return the terms of Specific Character Set that exist, whatever way they are spelt."""
    terms = (term.strip(" \0") for term in character_set.decode("ascii", "replace").split("\\"))
    return [term for each in terms if (term := spelt(each)) in python_encoding]


def encoding_of(text: bytes, stated: str) -> str:
    """Return the encoding of a text that is not ASCII: the one stated, or UTF-8 in its place.

    Pairs of letters of another set may by chance look like UTF-8; bytes of no letter do not, and
    in Latin 1 no name has such pairs.
    """
    is_possible = stated in _LATIN_1 or (_SINGLE_BYTE.match(stated) and _C1.search(text))
    return "utf-8" if is_possible and _is_utf_8(text) else stated


def _is_utf_8(text: bytes) -> bool:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
