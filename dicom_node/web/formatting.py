"""How pages write times, ages and names."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sr_templates.percent import percent

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def age(then: datetime, now: datetime) -> str:
    """Return how long ago something was, in the largest unit that fits."""
    seconds = max(0, int((now - then).total_seconds()))
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return "now"


def clock(moment: datetime) -> str:
    """Return the time of day where the node stands."""
    return moment.astimezone().strftime("%H:%M")


def day(moment: datetime) -> str:
    """Return day and time where the node stands."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def share(percentage: float | None) -> str:
    """Return a share of a lung in per cent: what is little is not nothing."""
    if percentage is None:
        return "–"
    return "< 0.1 %" if 0 < percentage < 0.05 else f"{percentage:.1f} %"


def dicom_day(text: str) -> str:
    """Return a date (PS3.5 Section 6.2, VR DA) as pages write it; what is none stays as it is."""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdecimal() else text


def sentence(words: str) -> str:
    """Return words as a sentence: with a capital, and an end."""
    text = words[:1].upper() + words[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def plain(value: object) -> str:
    """Return what a field of a form shows: numbers without what says nothing, lists with commas."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def listed(detail: object) -> str:
    """Return what an entry of the audit trail says, on one line."""
    if isinstance(detail, Mapping):
        said = {name: listed(value) for name, value in detail.items()}
        return ", ".join(f"{name} {value}" for name, value in said.items() if value)
    if isinstance(detail, list | tuple):
        return " ".join(map(listed, detail))
    return str(detail)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "age": age,
    "percent": percent,
    "clock": clock,
    "day": day,
    "dicom_day": dicom_day,
    "share": share,
    "sentence": sentence,
    "listed": listed,
    "plain": plain,
    "zip": zip,
}
