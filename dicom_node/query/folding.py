"""Texts as matching compares them: person names without case and accents.

PS3.4 Section C.2.2.2.1 leaves case and accents of person names (VR PN) to the SCP; every other VR
is matched with its case. What is folded here is kept in columns as well, so that both agree.

Fuzzy matching (PS3.18 Section 8.3.4.2) is by words: what a name is known by is its words, in
whatever order, and what each sounds like (``known_by``); ``stems`` is the same of a key.
"""

import re
import unicodedata

_LATIN_MARKS = range(0x0300, 0x0370)  # the voiced sound marks of kana are others, and stay
# The three component groups (PS3.5 Section 6.2.1.2), as the columns of a name are called.
GROUP_SUFFIXES = ("", "_ideographic", "_phonetic")
# The column of what a name is known by.
WORDS_SUFFIX = "_words"
_WORD = re.compile(r"[^\W_]+")
_APOSTROPHE = re.compile("['’`]")
_LATIN_WORD = re.compile(r"[a-z]{3,}")
# Spellings of one sound, the longer first; what is left over is a letter each.
_SPELLINGS = (
    *((each, "s") for each in ("tsch", "tch", "sch", "sh", "cz", "ts", "tz", "z")),
    *((each, "k") for each in ("ch", "ck", "q", "g")),
    *((f"c{vowel}", f"s{vowel}") for vowel in "eiy"),
    *(("c", "k"), ("x", "ks"), ("ph", "f"), ("v", "f"), ("w", "f"), ("p", "b"), ("t", "d")),
)
_SILENT = re.compile("[aeiouhjy]+")
_REPEATED = re.compile(r"(.)\1+")
# A sound of one consonant is that of too many names.
_SHORTEST_SOUND = 2


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


def known_by(name: str) -> str:
    """Return the words of a person name and their sounds, each after what ``stems`` puts there."""
    text = " ".join(name_groups(name))
    words = sorted({*_WORD.findall(text), *_WORD.findall(_APOSTROPHE.sub("", text))})
    sounds = sorted({_sounding(sound) for word in words if (sound := _sound(word))})
    return "".join((*(_beginning(word) for word in words), *sounds))


def stems(key: str) -> tuple[tuple[str, ...], ...]:
    """Return, for each word of a fuzzy key, what must stand in what a name is known by: any of it.

    A word begins one of the name's, or sounds as one. Nothing where wildcards stand within words:
    such a key is meant literally.
    """
    text = _APOSTROPHE.sub("", " ".join(name_groups(key)).replace("^", " "))
    words = text.replace("*", " ").split()
    if "?" in text or len(words) != len(text.replace("*", "").split()):
        return ()
    return tuple(
        (_beginning(word), *((_sounding(sound),) if (sound := _sound(word)) else ()))
        for word in _WORD.findall(" ".join(words))
    )


def _beginning(word: str) -> str:
    return f" {word}"


def _sounding(sound: str) -> str:
    return f" ~{sound}~"


def _sound(word: str) -> str:
    """Return what a Latin word sounds like: consonants by kind, and whether a vowel leads."""
    if not _LATIN_WORD.fullmatch(word):
        return ""
    for spelling, sound in _SPELLINGS:
        word = word.replace(spelling, sound)
    consonants = _REPEATED.sub(r"\1", _SILENT.sub("", word))
    if len(consonants) < _SHORTEST_SOUND:
        return ""
    return f"{'a' if _SILENT.match(word) else ''}{consonants}"
