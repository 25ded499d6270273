"""A sentence with values in it, recognised again in the words that were made of it.

Domain and templates say things in English: a sentence is formatted, handed on, kept as a row. Where
it is shown in another language, the pattern ``"{count} of {images} analysed"`` finds the values in
``"1 of 2 images analysed"`` and sets them into the translation.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

PLACEHOLDER = re.compile(r"\{(\w+)\}")
# What values are: anything, numbers where the name says that they are counted.
_ANYTHING, _NUMBER = r".+?", r"[<>] \d[\d.,]*|-?\d[\d.,]*"
_SHARE = rf"(?:{_NUMBER})(?: %)?"
SHARES = frozenset({"share", "percent", "percent2", "probability", "threshold"})
# What a sentence begins with is no other sentence. Nor does one follow in the value that it ends
# with, since other languages set that value into their middle; behind a colon, anything may stand.
_BEGINNING = r"(?:(?![:;] |\. ).)+?"
_END = r"(?:(?!: |\. [A-Z]).)+?(?<!\.)"
# What a header holds of coded strings, which have no small letters (PS3.5 Section 6.2, VR CS).
_STATED = r"[^a-z]+?|\(none\)"
_NOT_DENIED = r"(?<!\b[Nn]ot)"
# Letters of its own that a sentence with one value needs to be recognised by, and with several;
# figures do not count, since nothing else reads like them.
_FEW, _MANY = 5, 11
STATED = frozenset({"present"})
COUNTED = frozenset({"count", "grade", "number", "len", "step", "total"})


def placeholders(message: str) -> tuple[str, ...]:
    """Return the names in braces, in their order."""
    return tuple(PLACEHOLDER.findall(message))


def _pattern(message: str) -> re.Pattern[str]:
    parts, end, seen = [], 0, set()
    for found in PLACEHOLDER.finditer(message):
        name = found[1]
        if name in seen:
            raise ValueError(f"{message!r} names {name} twice")
        seen.add(name)
        value = _ANYTHING
        if not found.start():
            value = _BEGINNING
        elif message[found.end() :] in ("", ".") and ": " not in message:
            value = _END
        # "3 images not" are none that were analysed.
        value += _NOT_DENIED
        value = _STATED if name in STATED else value
        value = _NUMBER if name in COUNTED else _SHARE if name in SHARES else value
        parts.append(f"{re.escape(message[end : found.start()])}(?P<{name}>{value})")
        end = found.end()
    return re.compile("".join(parts) + re.escape(message[end:]), re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """A message with placeholders, compiled.

    ``anchor`` is its longest run of fixed letters: words without it are none of this sentence.
    """

    message: str
    anchor: str = field(init=False)
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        runs = PLACEHOLDER.split(self.message)[::2]
        object.__setattr__(self, "anchor", max(runs, key=len))
        object.__setattr__(self, "pattern", _pattern(self.message))

    @property
    def is_telling(self) -> bool:
        """Whether nobody else's words are likely to read as this sentence does."""
        anything = set(placeholders(self.message)) - COUNTED - SHARES
        return self.fixed >= (_FEW if len(anything) <= 1 else _MANY)

    @property
    def fixed(self) -> int:
        """How many characters are its own: of two that match, the one that says more is meant."""
        return len(PLACEHOLDER.sub("", self.message))

    def values(self, words: str) -> Mapping[str, str] | None:
        """Return the values with which the sentence reads ``words``; None where it never does."""
        if self.anchor not in words:
            return None
        found = self.pattern.fullmatch(words)
        if found is None or (self._says_one_thing and any("; " in each for each in found.groups())):
            return None
        return found.groupdict()

    @property
    def _says_one_thing(self) -> bool:
        """Whether its values are no lists of statements, which stand behind a colon alone."""
        return ": " not in self.message
