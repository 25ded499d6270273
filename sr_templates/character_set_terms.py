"""Terms of Specific Character Set (PS3.3 C.12.1.1.2), whatever way senders spell them."""

import re
from collections.abc import Mapping
from types import MappingProxyType

_SPELT = re.compile(r"ISO[ _-]?(2022[ _-]?)?IR[ _-]?(\d+)")
_PARTS = {1: 100, 2: 101, 3: 109, 4: 110, 5: 144, 6: 127, 7: 126, 8: 138, 9: 148}
_BY_OTHER_NAME: Mapping[str, str] = MappingProxyType(
    {
        "UTF8": "ISO_IR 192",
        "UNICODE": "ISO_IR 192",
        "LATIN1": "ISO_IR 100",
        **{f"ISO8859{part}": f"ISO_IR {number}" for part, number in _PARTS.items()},
    }
)


def spelt(term: str) -> str:
    """A term as the Standard spells it, also where it is the name of the set elsewhere.

    What is neither stays as it is.
    """
    found = _SPELT.fullmatch(term.upper())
    if found is None:
        return _BY_OTHER_NAME.get(re.sub(r"[^A-Z0-9]", "", term.upper()), term)
    return f"ISO 2022 IR {found[2]}" if found[1] else f"ISO_IR {found[2]}"
