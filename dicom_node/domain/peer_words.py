"""What a peer says in words of its own (Error Comment, PS3.7 C): kept in rows, not in the log.

Some name the patient in them. They stand between quotation marks that nothing else here uses, so
that the log can leave them out wherever they have got to, an error's text and a trace among them.
"""

import re

_OPEN = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"
_CLOSE = "\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK}"
_QUOTED = re.compile(f"{_OPEN}[^{_CLOSE}]*{_CLOSE}?")


def peer_words(said: object) -> str:
    """Return a peer's words as they may stand in a reason; empty where it said nothing readable."""
    text = str(said or "").translate({ord(_OPEN): None, ord(_CLOSE): None}).strip()
    return f"{_OPEN}{text}{_CLOSE}" if text and text.isprintable() else ""


def without_peer_words(line: str) -> str:
    """Return a line of the log without what peers have said in it."""
    return _QUOTED.sub(f"{_OPEN}…{_CLOSE}", line)
