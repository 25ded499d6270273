"""What people write beside their verdicts, as reports and databases can hold it."""

import re

# Control characters, and halves of characters (general categories Cc and Cs).
_UNWRITTEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def one_line(text: str) -> str:
    """Return words on one line: without control characters, which no report may carry (VR UT).

    Marks of scripts that join letters or run from right to left stay (PS3.5 Section 6.2).
    """
    return " ".join(_UNWRITTEN.sub(" ", text).split())
