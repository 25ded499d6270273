"""What an attribute looks like in the column that helps to find it."""

from dicom_node.query.folding import GROUP_SUFFIXES, WORDS_SUFFIX, known_by, name_groups
from dicom_node.query.matching import NUMBERS, number
from dicom_node.query.moments import date_of, time_of

_LARGEST = 2**63 - 1


def column_values(name: str, vr: str, text: str) -> dict[str, str | int | None]:
    """Return the values of the column ``name``, or of the four that a person name has."""
    if vr == "PN":
        groups = name_groups(text)
        kept = {name + suffix: each for suffix, each in zip(GROUP_SUFFIXES, groups, strict=True)}
        return {**kept, name + WORDS_SUFFIX: known_by(text)}
    if vr == "DA":
        return {name: date_of(text)}
    if vr == "TM":
        return {name: time_of(text)}
    if vr in NUMBERS:
        return {name: _integer(text)}
    return {name: text}


def _integer(text: str) -> int | None:
    found = number(text)
    if found is None or found != found.to_integral_value() or abs(found) > _LARGEST:
        return None
    return int(found)
