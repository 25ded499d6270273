"""What a header names, in words or by code: body regions, views, species; where these disagree."""

import re

from ai_engine.preprocessing.body_region import (
    BodyRegion,
    may_agree,
    regions_coded,
    regions_named,
)
from ai_engine.preprocessing.view_position import (
    FRONTAL_VIEWS,
    ViewPosition,
    is_lateral_described,
    is_one_of,
    view_coded,
    view_named,
)
from dicom_node.domain.instance import InstanceHeader

_HUMAN = frozenset(
    {
        *("human", "humans", "homo", "sapiens", "person", "people", "hum", "mensch", "menschlich"),
        *("humain", "humaine", "humano", "humana", "umano", "umana", "uomo", "hombre", "homme"),
        *("om", "uman", "insan", "człowiek", "ludzki", "mens", "menneske", "människa"),
        *("человек", "чалавек", "адам", "人"),
    }
)
_NOT = frozenset({"non", "not", "no", "nonhuman", "nicht", "kein"})
# Of a value in the sense of "nothing is said", written out by forms and conversions.
_UNSAID = re.compile(
    r"(n a|na|nil|null|none|unknown|unspecified|undefined|not (applicable|specified|"
    r"known|available)|unbekannt|inconnue?|desconocid[oa]|sconosciut[oa]|неизвестно|0|x+)?"
)
# What descriptions say of position, line, tube, history and view in words for parts of the body.
_NOT_WHERE = re.compile(
    r"\b(c.?arm|(head|feet|foot|arms?)[ -]*(first|up|down|end|raised|side|of bed)|hand.?held|"
    r"foreign body|picc( left| right)? arm|(de )?face|sinus(es)?|nasal|nose|dental|"
    r"liver|hepar|kidneys?|renal|stomach|colon|bowel|spleen|pancreas|bladder|prostate|uterus|"
    r"thyroid)\b"
)


def is_unsaid(text: str | None) -> bool:
    """Whether a text says nothing: empty, or what forms and conversions write for nothing."""
    plain = " ".join(re.findall(r"\w+", (text or "").casefold().replace("_", " ")))
    return _UNSAID.fullmatch(plain) is not None


def is_human(species: str | None) -> bool:
    """Whether a species is said to be human, or none is said."""
    words = set(re.findall(r"\w+", (species or "").casefold()))
    return is_unsaid(species) or bool(words & _HUMAN and not words & _NOT)


def regions_of(header: InstanceHeader) -> frozenset[BodyRegion]:
    """Return the regions that the body part and the region code of a header name."""
    region = header.anatomic_region
    coded = regions_coded(region.value, region.scheme, region.meaning) if region else frozenset()
    return coded | regions_named(header.body_part_examined)


def regions_said(*texts: str) -> frozenset[BodyRegion]:
    """Return the regions that any of these texts names."""
    return frozenset[BodyRegion]().union(*map(regions_named, texts))


def contradiction_of(header: InstanceHeader) -> str:
    """Say where a header names one body part, or view, in words and another by code; or nothing."""
    region, view = header.anatomic_region, header.view
    named = regions_named(header.body_part_examined)
    coded = regions_coded(region.value, region.scheme, region.meaning) if region else frozenset()
    if named and coded and not may_agree(named, coded):
        return (
            f"The header contradicts itself: body part {_listed(named)}, region code "
            f"{_listed(coded)}."
        )
    known = named | coded
    for what, text in (
        ("the protocol", header.protocol_name),
        ("the series description", header.series_description),
    ):
        described = regions_named(_NOT_WHERE.sub(" ", (text or "").casefold().replace("_", " ")))
        if known and described and not may_agree(known, described):
            return (
                f"The header contradicts itself: {what} names {_listed(described)}, body part or "
                f"region code {_listed(known)}."
            )
    said, code = view_named(header.view_position), view_coded(view.value) if view else None
    if said and code and not is_one_of(said, {code}):
        return f"The header contradicts itself: view position {said}, view code {code}."
    return _lateral_described(header)


def _listed(regions: frozenset[BodyRegion]) -> str:
    return ", ".join(sorted(regions))


def _lateral_described(header: InstanceHeader) -> str:
    """Say where a description names a lateral view alone, and the header a frontal one."""
    if view_of(header) not in FRONTAL_VIEWS:
        return ""
    for what, text in (
        ("the protocol", header.protocol_name),
        ("the series description", header.series_description),
    ):
        if is_lateral_described(text):
            return f"The header contradicts itself: {what} names a lateral view."
    return ""


def view_of(header: InstanceHeader) -> ViewPosition | None:
    """Return the view that a header names, by View Position or else by code."""
    coded = view_coded(header.view.value) if header.view else None
    return view_named(header.view_position) or coded
