"""Texts as matching compares them: person names without case and accents.

PS3.4 Section C.2.2.2.1 leaves case and accents of person names (VR PN) to the SCP; every other VR
is matched with its case. What is folded here is kept in columns as well, so that both agree.
"""

import unicodedata

_LATIN_MARKS = range(0x0300, 0x0370)  # the voiced sound marks of kana are others, and stay
# The three component groups (PS3.5 Section 6.2.1.2), as the columns of a name are called.
GROUP_SUFFIXES = ("", "_ideographic", "_phonetic")


def folded(text: str) -> str:
    """Return a text without case, accents and differences of width."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(each for each in parts if ord(each) not in _LATIN_MARKS)
    return unicodedata.normalize("NFC", bare.casefold())


def name_groups(name: str) -> tuple[str, str, str]:
    """Return the folded component groups of a person name, without empty trailing components."""
    groups = [folded(group).strip(" ").rstrip("^ ") for group in name.split("=")[:3]]
    first, second, third = (*groups, "", "")[:3]
    return first, second, third
