"""Content items that templates are made of, by concept and value (PS3.3 C.18)."""

from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContentSequence,
    NumContentItem,
    TextContentItem,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.sr.coding import Code

from sr_templates import codes


def coded(
    name: Code, value: Code, relationship: Relationship = Relationship.CONTAINS
) -> CodeContentItem:
    """A coded answer to a coded question."""
    return CodeContentItem(
        name=CodedConcept.from_code(name),
        value=CodedConcept.from_code(value),
        relationship_type=relationship,
    )


def impression_item(words: str) -> TextContentItem:
    """The sentence at the top of a report (`impression`)."""
    return TextContentItem(
        name=CodedConcept.from_code(codes.IMPRESSION),
        value=words,
        relationship_type=Relationship.CONTAINS,
    )


def comment(value: str, relationship: Relationship = Relationship.CONTAINS) -> TextContentItem:
    """A sentence for people."""
    return TextContentItem(
        name=CodedConcept.from_code(codes.COMMENT), value=value, relationship_type=relationship
    )


def number(name: CodedConcept, value: float, unit: CodedConcept) -> NumContentItem:
    """A number that is a property of what it stands below."""
    return NumContentItem(
        name=name, value=value, unit=unit, relationship_type=Relationship.HAS_PROPERTIES
    )


def derived(item: NumContentItem, derivation: Code, method: Code) -> NumContentItem:
    """Say of a number how it was derived and measured (TID 300 rows 4 and 5)."""
    item.ContentSequence = ContentSequence(
        [
            coded(codes.DERIVATION, derivation, Relationship.HAS_CONCEPT_MOD),
            coded(codes.MEASUREMENT_METHOD, method, Relationship.HAS_CONCEPT_MOD),
        ]
    )
    return item


def summary_code(*, whole: bool, positive: bool) -> Code:
    """CID 6047 where something was analysed: whether all of it, and whether with findings."""
    if whole:
        return (
            codes.ALL_SUCCEEDED_WITH_FINDINGS if positive else codes.ALL_SUCCEEDED_WITHOUT_FINDINGS
        )
    return (
        codes.NOT_ALL_SUCCEEDED_WITH_FINDINGS
        if positive
        else codes.NOT_ALL_SUCCEEDED_WITHOUT_FINDINGS
    )
