"""The forms that a report can have, best first, and what each may hold (PS3.3 A.35).

Every report is written as a Comprehensive 3D SR. What it says in two dimensions fits Comprehensive
and Enhanced SR as it stands; a Basic Text SR has no numbers and no coordinates; a PDF is a picture
of the words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

Types = frozenset[str]
# From the value type of a content item, and how it is related to another: that other's value types.
Relationships = Mapping[tuple[str, str], Types]

_WORDS: Types = frozenset({"CODE", "DATE", "DATETIME", "PNAME", "TEXT", "TIME", "UIDREF"})
_OBJECTS: Types = frozenset({"COMPOSITE", "IMAGE", "WAVEFORM"})
_PLACES: Types = frozenset({"SCOORD", "TCOORD"})
_VALUES: Types = _WORDS | {"NUM"}
_CONTAINER: Types = frozenset({"CONTAINER"})
_NAMED: Types = frozenset({"CODE", "TEXT"})
_ALL: Types = _VALUES | _OBJECTS | _PLACES | _CONTAINER


def _relations(*rows: tuple[Types, str, Types]) -> Relationships:
    return MappingProxyType(
        {
            (source, relationship): targets
            for sources, relationship, targets in rows
            for source in sources
        }
    )


# Table A.35.1-2
_BASIC = _relations(
    (_CONTAINER, "CONTAINS", _WORDS | _OBJECTS | _CONTAINER),
    (_CONTAINER, "HAS OBS CONTEXT", _WORDS | {"COMPOSITE"}),
    (_CONTAINER | _OBJECTS, "HAS ACQ CONTEXT", _WORDS),
    (_ALL, "HAS CONCEPT MOD", _NAMED),
    (frozenset({"TEXT"}), "HAS PROPERTIES", _WORDS | _OBJECTS),
    (frozenset({"PNAME"}), "HAS PROPERTIES", _WORDS),
    (frozenset({"TEXT"}), "INFERRED FROM", _WORDS | _OBJECTS),
)
_MEASURED: Types = frozenset({"TEXT", "CODE", "NUM"})


def _selected(places: Types) -> tuple[tuple[Types, str, Types], ...]:
    return (
        (frozenset({"SCOORD"}), "SELECTED FROM", frozenset({"IMAGE"})),
        (frozenset({"TCOORD"}), "SELECTED FROM", places - {"TCOORD"} | {"IMAGE", "WAVEFORM"}),
    )


# Table A.35.2-2
_ENHANCED = _relations(
    (_CONTAINER, "CONTAINS", _VALUES | _OBJECTS | _PLACES | _CONTAINER),
    (_CONTAINER, "HAS OBS CONTEXT", _VALUES | {"COMPOSITE"}),
    (_CONTAINER | _OBJECTS | {"NUM"}, "HAS ACQ CONTEXT", _VALUES),
    (_ALL, "HAS CONCEPT MOD", _NAMED),
    (_MEASURED, "HAS PROPERTIES", _VALUES | _OBJECTS | _PLACES),
    (frozenset({"PNAME"}), "HAS PROPERTIES", _WORDS),
    (_MEASURED, "INFERRED FROM", _VALUES | _OBJECTS | _PLACES),
    *_selected(_PLACES),
)


def _comprehensive(places: Types) -> Relationships:
    return _relations(
        (_CONTAINER, "CONTAINS", _VALUES | _OBJECTS | places | _CONTAINER),
        (_MEASURED, "HAS OBS CONTEXT", _VALUES | {"COMPOSITE"}),
        (_CONTAINER, "HAS OBS CONTEXT", _VALUES | {"COMPOSITE"} | _CONTAINER),
        (_CONTAINER | _OBJECTS | {"NUM"}, "HAS ACQ CONTEXT", _VALUES | _CONTAINER),
        (_ALL, "HAS CONCEPT MOD", _NAMED),
        (_MEASURED, "HAS PROPERTIES", _VALUES | _OBJECTS | places | _CONTAINER),
        (frozenset({"PNAME"}), "HAS PROPERTIES", _WORDS),
        (_MEASURED, "INFERRED FROM", _VALUES | _OBJECTS | places | _CONTAINER),
        *_selected(places),
    )


# Tables A.35.3-2 and A.35.13-2
_COMPREHENSIVE = _comprehensive(_PLACES)
_COMPREHENSIVE_3D = _comprehensive(_PLACES | {"SCOORD3D"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportForm:
    """One form: its SOP Class, what people call it, and the relationships that it allows.

    ``relationships`` is empty for a form without a content tree. ``by_reference``: an item may
    refer to another of the tree.
    """

    sop_class_uid: str
    name: str
    relationships: Relationships
    by_reference: bool = False

    def permits(self, source: str, relationship: str, target: str) -> bool:
        """Tell whether an item of one value type may have another as its child."""
        return target in self.relationships.get((source, relationship), frozenset())

    def permits_any(self, source: str, relationship: str) -> bool:
        """Tell whether an item of a value type may have children in this relationship."""
        return bool(self.relationships.get((source, relationship)))


COMPREHENSIVE_3D = ReportForm(
    sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
    name="Comprehensive 3D SR",
    relationships=_COMPREHENSIVE_3D,
    by_reference=True,
)
COMPREHENSIVE = ReportForm(
    sop_class_uid="1.2.840.10008.5.1.4.1.1.88.33",
    name="Comprehensive SR",
    relationships=_COMPREHENSIVE,
    by_reference=True,
)
ENHANCED = ReportForm(
    sop_class_uid="1.2.840.10008.5.1.4.1.1.88.22", name="Enhanced SR", relationships=_ENHANCED
)
BASIC_TEXT = ReportForm(
    sop_class_uid="1.2.840.10008.5.1.4.1.1.88.11", name="Basic Text SR", relationships=_BASIC
)
PDF = ReportForm(
    sop_class_uid="1.2.840.10008.5.1.4.1.1.104.1",
    name="Encapsulated PDF",
    relationships=MappingProxyType({}),
)
FORMS: tuple[ReportForm, ...] = (COMPREHENSIVE_3D, COMPREHENSIVE, ENHANCED, BASIC_TEXT, PDF)
FORM_OF: Mapping[str, ReportForm] = MappingProxyType({each.sop_class_uid: each for each in FORMS})
