"""Repair of attribute values copied from a source image, by value representation (PS3.5 6.2).

A source's invalid value would make a result invalid too. What the Standard's form allows only one
reading of is brought into that form; the rest is left out. Nothing is guessed: an age of "62" may
be years or months, so it is left out, and "62y" becomes "062Y".
"""

import math
import re
from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")  # C0 and C1: neither is a character of text
_DOTS = "..."
_DECIMAL_LENGTH = 16
_MAX_LENGTH = MappingProxyType({"SH": 16, "LO": 64, "ST": 1024, "LT": 10240, "UC": 2**31})


def repaired(vr: str, text: str) -> str | None:
    """Give ``text`` in the form that ``vr`` asks for, or None where it cannot be.

    Parameters
    ----------
    vr
        The value representation that the data dictionary gives the attribute.
    text
        One decoded value, without padding.
    """
    return _BY_VR[vr](text)


def _date(text: str) -> str | None:
    match = re.fullmatch(r"(\d{4})([-./]?)(\d{2})\2(\d{2})", text)
    if match is None:
        return None
    year, _, month, day = match.groups()
    try:
        return date(int(year), int(month), int(day)).strftime("%Y%m%d").zfill(8)
    except ValueError:
        return None


def _time(text: str) -> str | None:
    match = re.fullmatch(r"(\d{2})(?::?([0-5]\d)(?::?([0-5]\d|60)(\.\d{1,6})?)?)?", text)
    if match is None or int(match.group(1)) > 23:
        return None
    return "".join(part or "" for part in match.groups())


def _age(text: str) -> str | None:
    match = re.fullmatch(r"(\d{1,3})\s*([DWMYdwmy])", text)
    return f"{int(match.group(1)):03d}{match.group(2).upper()}" if match else None


def _decimal(text: str) -> str | None:
    match = re.fullmatch(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", text)
    if match is None:
        return None
    number = text.replace(",", ".")
    if not math.isfinite(float(number)):  # 1e999 is well written, and no number that can be kept
        return None
    # Ten digits, or nine where the exponent takes the room of one: none may be cut off its end.
    written = (number, f"{float(number):.10g}", f"{float(number):.9g}")
    return next(text for text in written if len(text) <= _DECIMAL_LENGTH)


def _integer(text: str) -> str | None:
    return text if re.fullmatch(r"[+-]?\d{1,10}", text) and abs(int(text)) < 2**31 else None


def _code_string(text: str) -> str | None:
    upper = text.upper()
    return upper if re.fullmatch(r"[A-Z0-9 _]{1,16}", upper) else None


def _uid(text: str) -> str | None:
    return text if is_uid(text) else None


def _person_name(text: str) -> str | None:
    """Three groups of five components of a name (PS3.5 6.2.1); what is beyond is not a name."""
    groups = [_name_group(group) for group in text.split("=")[:3]]
    return "=".join(groups).rstrip("=") or None


def _name_group(group: str) -> str:
    components = _CONTROL.sub(" ", group).strip().split("^")[:5]
    return "^".join(components)[:64].rstrip()


def _short(vr: str) -> Callable[[str], str | None]:
    limit = _MAX_LENGTH[vr]

    def one_line(text: str) -> str | None:
        # As archives cut it: what is copied must not differ from what they have of the images.
        return _CONTROL.sub(" ", text).strip()[:limit].strip() or None

    return one_line


def _long(vr: str) -> Callable[[str], str | None]:
    limit = _MAX_LENGTH[vr]

    def paragraphs(text: str) -> str | None:
        printable = re.sub(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]+", " ", text)
        return printable.rstrip()[:limit] or None

    return paragraphs


def is_uid(text: str) -> bool:
    """Whether ``text`` is a valid UID (PS3.5 9.1): components without leading zeros, 64 at most."""
    return len(text) <= 64 and bool(re.fullmatch(r"(0|[1-9]\d*)(\.(0|[1-9]\d*))+", text))


def is_repeatable(text: str) -> bool:
    """Whether results can repeat a source's UID as it stands, valid or not, to refer to it."""
    return bool(re.fullmatch(r"[!-\[\]-~]+", text))


_BY_VR: Mapping[str, Callable[[str], str | None]] = MappingProxyType(
    {
        "AS": _age,
        "CS": _code_string,
        "DA": _date,
        "DS": _decimal,
        "IS": _integer,
        "LO": _short("LO"),
        "LT": _long("LT"),
        "PN": _person_name,
        "SH": _short("SH"),
        "ST": _long("ST"),
        "TM": _time,
        "UC": _short("UC"),
        "UI": _uid,
        "UT": lambda text: text.rstrip() or None,
    }
)


def shortened(text: str, limit: int) -> str:
    """Cut a text of the node's own that is too long, between two words, with dots to say so.

    Parameters
    ----------
    limit
        The most characters that the result may have.
    """
    if len(text) <= limit:
        return text
    kept = text[: limit - len(_DOTS) + 1]
    words = kept.rpartition(" ")[0].rstrip(" ,;:-([")
    # A word that is longer than all before it can only be cut itself.
    return f"{words}{_DOTS}" if 2 * len(words) > limit else text[:limit]


def long_string(text: str) -> str:
    """Make any text of the node's own fit an LO value: one line, 64 characters, no backslash."""
    return shortened(_CONTROL.sub(" ", text.replace("\\", "/")).strip(), _MAX_LENGTH["LO"])
