"""Text in the source's character set (PS3.3 C.12.1.1.2, PS3.5 6.1).

Values are decoded here and not by attribute access, because pydicom answers an invalid value with
a warning that quotes it, and a patient's name has no place in a log.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydicom.charset import decode_bytes, python_encoding
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag, Tag

_SPECIFIC_CHARACTER_SET = Tag(0x0008, 0x0005)
_DEFAULT_REPERTOIRE = ("", "ISO_IR 6", "ISO 2022 IR 6")
_TEXT_DELIMITERS = set(b"\n\r\t\f^=\\")
_TEXT_VRS = ("LO", "LT", "PN", "SH", "ST", "UC", "UT")
UNICODE = ("ISO_IR 192",)
LATIN_1 = ("ISO_IR 100",)


@dataclass(frozen=True, slots=True, kw_only=True)
class CharacterSet:
    """Specific Character Set (0008,0005) of a source, as far as it is usable.

    ``terms`` is empty for the default repertoire. ``is_stated`` is false where the source names no
    character set or one that does not exist: its bytes are then read as Latin 1, as most PACS do.
    """

    terms: tuple[str, ...]
    is_stated: bool

    @classmethod
    def of(cls, source: Dataset) -> "CharacterSet":
        """Read the source's character set, with common misspellings corrected."""
        raw = _plain(source, _SPECIFIC_CHARACTER_SET)
        terms = tuple(_corrected(term.strip()) for term in raw.split("\\"))
        if all(term in python_encoding for term in terms) and any(terms):
            return cls(terms=terms, is_stated=terms[0] not in _DEFAULT_REPERTOIRE or len(terms) > 1)
        return cls(terms=(), is_stated=False)

    def decode(self, value: bytes) -> str:
        """Decode one element's bytes; what cannot be decoded becomes the replacement character."""
        encodings = [python_encoding[term] for term in self.terms] or ["latin-1"]
        if b"\x1b" in value and len(encodings) > 1:
            return decode_bytes(value, encodings, _TEXT_DELIMITERS)
        return value.decode(encodings[0], errors="replace")

    def can_encode(self, text: str) -> bool:
        """Whether each character of ``text`` is in one of the stated repertoires."""
        encodings = [
            "ascii" if term in _DEFAULT_REPERTOIRE else python_encoding[term]
            for term in self.terms or ("",)
        ]
        return all(
            any(_encodes(letter, encoding) for encoding in encodings) for letter in set(text)
        )


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


def _corrected(term: str) -> str:
    match = re.fullmatch(r"ISO[ _-]?IR[ _-]?(\d+)", term, flags=re.IGNORECASE)
    return f"ISO_IR {match.group(1)}" if match else term


def _encodes(letter: str, encoding: str) -> bool:
    try:
        letter.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True
