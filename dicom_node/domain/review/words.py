"""What people write beside their verdicts, as reports and databases can hold it."""

import unicodedata

_UNWRITTEN = frozenset({"Cc", "Cs"})


def one_line(text: str) -> str:
    """Return words on one line: without control characters, which no report may carry (VR UT).

    Marks of scripts that join letters or run from right to left stay (PS3.5 Section 6.2).
    """
    seen = (" " if unicodedata.category(each) in _UNWRITTEN else each for each in text)
    return " ".join("".join(seen).split())
