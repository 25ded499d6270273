"""Text in the source's character set (PS3.3 C.12.1.1.2, PS3.5 6.1).

Values are decoded here and not by attribute access, because pydicom answers an invalid value with
a warning that quotes it, and a patient's name has no place in a log.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from pydicom.charset import decode_bytes, python_encoding
from pydicom.datadict import dictionary_has_tag, dictionary_VR
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

from sr_templates.character_set_terms import spelt

_SPECIFIC_CHARACTER_SET = Tag(0x0008, 0x0005)
_DEFAULT_REPERTOIRE = ("", "ISO_IR 6", "ISO 2022 IR 6")
_TEXT_DELIMITERS = set(b"\n\r\t\f^=\\")
_TEXT_VRS = ("LO", "LT", "PN", "SH", "ST", "UC", "UT")
UNICODE = ("ISO_IR 192",)
LATIN_1 = ("ISO_IR 100",)
# Without code extensions (PS3.3 C.12.1.1.2): beside another term, one of the two is wrong.
_ALONE = ("ISO_IR 192", "GB18030", "GBK")
_C1 = re.compile(b"[\x80-\x9f]")
_C1_TEXT = re.compile("[\x80-\x9f]")
_ESCAPE = b"\x1b"
# What Chinese, Japanese and Korean is in UTF-8, and two-byte sets are by chance once in thousands.
_THREE_BYTES = re.compile(b"[\xe0-\xef][\x80-\xbf]{2}")
_WORD = re.compile(b"[A-Za-z\x80-\xff]+")
# In names and descriptions of Latin letters, those with accents are the fewer ones.
_LONG_WORD, _MOSTLY = 4, 0.7


@dataclass(frozen=True, slots=True, kw_only=True)
class CharacterSet:
    """Specific Character Set (0008,0005) of a source, as far as it is usable.

    ``terms`` is empty for the default repertoire. ``is_stated`` is false where the source names no
    character set or one that does not exist: its bytes are then read as Latin 1, as most PACS do.
    ``is_corrected`` says that the source's own bytes are not in the set that it states;
    ``is_doubted`` that nothing says which set they are in: they are read as stated, or as Latin 1.
    """

    terms: tuple[str, ...]
    is_stated: bool
    is_corrected: bool = False
    is_doubted: bool = False

    @classmethod
    def of(cls, source: Dataset) -> "CharacterSet":
        """Read the source's character set; correct misspellings, and what its bytes belie."""
        raw = _plain(source, _SPECIFIC_CHARACTER_SET)
        terms = tuple(spelt(term.strip()) for term in raw.split("\\"))
        stated = cls(terms=(), is_stated=False)
        if all(term in python_encoding for term in terms) and any(terms):
            is_stated = terms[0] not in _DEFAULT_REPERTOIRE or len(terms) > 1
            stated = cls(terms=terms, is_stated=is_stated)
        return _as_written(stated, tuple(_texts_beyond_ascii(source)))

    def decode(self, value: bytes) -> str:
        """Decode one element's bytes; what cannot be decoded becomes the replacement character.

        The single-byte sets have no characters at 80 to 9F. Where Latin 1 is stated, or nothing,
        bytes there are Windows-1252, which software calls Latin 1 (WHATWG Encoding, 4.2).
        """
        encodings = [python_encoding[term] for term in self.terms] or ["latin-1"]
        if _ESCAPE in value and len(encodings) > 1:
            text = decode_bytes(value, encodings, _TEXT_DELIMITERS)
        else:
            text = value.decode(encodings[0], errors="replace")
        windows = self.terms in ((), LATIN_1) or self.terms[0] in _DEFAULT_REPERTOIRE
        return _C1_TEXT.sub(lambda each: _of_windows(each[0]) if windows else "\ufffd", text)

    def can_encode(self, text: str) -> bool:
        """Whether each character of ``text`` is in one of the stated repertoires."""
        encodings = [
            "ascii" if term in _DEFAULT_REPERTOIRE else python_encoding[term]
            for term in self.terms or ("",)
        ]
        return all(
            any(_encodes(letter, encoding) for encoding in encodings) for letter in set(text)
        )


_IN_UNICODE = CharacterSet(terms=UNICODE, is_stated=True, is_corrected=True)


def readable_character_sets() -> tuple[str, ...]:
    """Return the Defined Terms of Specific Character Set that are understood in sources."""
    return tuple(sorted(term for term in python_encoding if term.startswith("ISO")))


def text_of(source: Dataset, tag: BaseTag, character_set: CharacterSet) -> str:
    """Give an element's whole value as decoded text, "" where it is absent or empty."""
    element: object = source.get_item(tag)
    if isinstance(element, RawDataElement):
        return character_set.decode(element.value or b"").rstrip("\0 ")
    return _plain(source, tag)


def declare(dataset: Dataset, source_set: CharacterSet) -> None:
    """Set Specific Character Set to the source's where it can say everything, else to Unicode."""
    texts = [text for text in _texts(dataset) if not text.isascii()]
    candidates = [source_set]
    if not source_set.is_stated:
        candidates.append(CharacterSet(terms=LATIN_1, is_stated=True))
    for candidate in candidates:
        if all(candidate.can_encode(text) for text in texts):
            _declare(dataset, candidate.terms)
            return
    _declare(dataset, UNICODE)


def _as_written(stated: CharacterSet, texts: tuple[bytes, ...]) -> CharacterSet:
    """Correct a character set by the source's own texts, as far as they have only one reading."""
    if set(stated.terms) & set(_ALONE):
        return _standing_alone(stated, texts)
    if not texts:
        return stated
    if any(_ESCAPE in text for text in texts):
        return replace(stated, is_doubted=not _are_escapes_readable(stated, texts))
    outside = any(_C1.search(text) for text in texts)
    is_latin = not stated.is_stated or stated.terms == LATIN_1
    # Pairs of letters of another set may by chance look like UTF-8; bytes of no letter do not.
    if (is_latin or outside) and _all_decode(texts, "utf-8"):
        return _IN_UNICODE
    is_single_byte = len(stated.terms) < 2 and stated.terms != ("ISO_IR 13",)
    is_foreign = is_latin and any(map(_is_unlike_latin, texts))
    return replace(
        stated,
        is_corrected=outside and is_single_byte,
        is_doubted=not stated.is_stated or is_foreign,
    )


def _standing_alone(stated: CharacterSet, texts: tuple[bytes, ...]) -> CharacterSet:
    """One of the sets that have no code extensions: of several the one that texts are in."""
    named = sorted({*stated.terms} & {*_ALONE}, key=_ALONE.index)
    if len(stated.terms) > 1:
        readable = (term for term in named if _all_decode(texts, python_encoding[term]))
        terms = (next(readable, named[0]),)
        return CharacterSet(terms=terms, is_stated=True, is_corrected=True)
    is_unicode = stated.terms != UNICODE and any(map(_THREE_BYTES.search, texts))
    if is_unicode and _all_decode(texts, "utf-8"):
        return _IN_UNICODE
    return replace(stated, is_doubted=not _all_decode(texts, python_encoding[named[0]]))


def _are_escapes_readable(stated: CharacterSet, texts: Iterable[bytes]) -> bool:
    """Whether code extensions are stated, and all that texts switch to is what they have."""
    encodings = [python_encoding[term] for term in stated.terms]
    if len(encodings) < 2:
        return False
    try:
        read = [decode_bytes(text, encodings, _TEXT_DELIMITERS) for text in texts if text]
    except (LookupError, UnicodeError):
        return False
    return not any("\ufffd" in text or "\x1b" in text for text in read)


def _is_unlike_latin(text: bytes) -> bool:
    """Whether a word has more letters of the upper half than any that is written in Latin 1."""
    words = _WORD.findall(text)
    return any(
        len(word) >= _LONG_WORD and sum(byte > 0x7F for byte in word) > _MOSTLY * len(word)
        for word in words
    )


def _all_decode(texts: Iterable[bytes], encoding: str) -> bool:
    try:
        for text in texts:
            text.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _texts_beyond_ascii(source: Dataset) -> Iterator[bytes]:
    """Yield the texts that are more than ASCII, or switch to more, undecoded; none of sequences."""
    for tag in source.keys():  # noqa: SIM118 - a Dataset iterates over decoded elements
        element: object = source.get_item(tag)
        if not isinstance(element, RawDataElement) or not isinstance(element.value, bytes):
            continue
        is_plain = element.value.isascii() and _ESCAPE not in element.value
        if not is_plain and _is_text(element):
            yield element.value


def _is_text(element: RawDataElement) -> bool:
    vr = element.VR
    if vr is None and dictionary_has_tag(element.tag):
        vr = dictionary_VR(element.tag)
    return vr in _TEXT_VRS


def _of_windows(control: str) -> str:
    return control.encode("latin-1").decode("cp1252", errors="replace")


def _declare(dataset: Dataset, terms: tuple[str, ...]) -> None:
    if any(terms):
        dataset.SpecificCharacterSet = list(terms) if len(terms) > 1 else terms[0]


def _texts(dataset: Dataset) -> Iterator[str]:
    for element in dataset.iterall():
        if element.VR in _TEXT_VRS and element.value is not None:
            yield str(element.value)


def _plain(source: Dataset, tag: BaseTag) -> str:
    element = source.get_item(tag)
    if element is None or element.value is None:
        return ""
    if isinstance(element.value, bytes):
        return element.value.decode("ascii", errors="replace").strip("\0 ")
    if isinstance(element.value, MultiValue | list | tuple):
        return "\\".join(str(value) for value in element.value)
    return str(element.value)


def _encodes(letter: str, encoding: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
