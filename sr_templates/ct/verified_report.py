"""What an expert says of a CT's figures, as the successor of the AI's report (TID 1500).

The groups of lungs and patterns keep their regions and tracking UIDs. Shares and grades are the
expert's; what follows from a share is worked out anew, and what no longer fits one is left out.
"""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass

from highdicom.sr import (
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    ImageContentItem,
    LanguageOfContentItemAndDescendants,
    NumContentItem,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ai_engine.ct import codes as engine_codes
from ai_engine.ct.results import Pattern, Side
from ai_engine.ct.shares import share_in_words
from ai_engine.prediction import ModelIdentity
from sr_templates import codes
from sr_templates.character_set import declare
from sr_templates.coded_values import code_value
from sr_templates.content_items import coded, comment, impression_item, number
from sr_templates.context import EvidenceContext
from sr_templates.ct import codes as ct_codes
from sr_templates.ct.volumetric_roi import rounded, title
from sr_templates.expert_reading import (
    CtStatements,
    ExpertReading,
    LungStatement,
    PatternStatement,
)
from sr_templates.image_library import image_library
from sr_templates.report_content import report_root
from sr_templates.report_document import (
    complete_document,
    procedures_reported,
)
from sr_templates.report_reading import TRACKING_IDENTIFIER
from sr_templates.source_attributes import SourceAttributes
from sr_templates.verification import (
    add_verification,
    new_successor,
    person_context,
    remarks,
    require_reading,
    who_has_read,
)

_LUNGS = {side.code.value: side for side in (Side.RIGHT, Side.LEFT)}
_PATTERNS = {pattern.code.value: pattern for pattern in Pattern}
_PARTS = {code.value: key for key, code in ct_codes.PART_OF.items()}
# Family, name, parameters and version of an algorithm (TID 4019): these groups are a person's.
_ALGORITHM = frozenset({"111000", "111001", "111002", "111003"})
_FINDING_SITE = "363698007"


def build_verified_ct_report(
    predecessor: Dataset,
    sources: Sequence[Dataset],
    model: ModelIdentity,
    reading: ExpertReading,
    context: EvidenceContext,
    *,
    statements: CtStatements,
    companions: Sequence[Dataset] = (),
    taken_back: Sequence[Dataset] = (),
) -> Dataset:
    """Report what an expert says of an AI report on a CT.

    Parameters
    ----------
    predecessor
        The AI's report, with its content.
    sources
        Headers of the slices that were measured.
    model
        The model that made the predecessor; it remains contributing equipment.
    reading
        Who has read, and when.
    context
        Who makes the object and when.
    statements
        What the readers say of lungs and patterns.
    companions
        Headers of what the predecessor's groups refer to besides: the segmentation.
    taken_back
        Headers of people's reports on the predecessor that were taken back: they are predecessors
        too.

    Raises
    ------
    EvidenceError
        Nobody has read, or there is no source or one without valid UIDs.
    """
    require_reading(predecessor, sources, reading)
    attributes = SourceAttributes(sources[0])
    report = new_successor(predecessor, model, reading, attributes, context, taken_back=taken_back)
    root = _root(predecessor, sources, attributes, reading, statements)
    complete_document(report, root, [*sources, *companions], [predecessor, *taken_back])
    add_verification(report, reading)
    declare(report, attributes.character_set)
    return report


def _root(
    predecessor: Dataset,
    sources: Sequence[Dataset],
    attributes: SourceAttributes,
    reading: ExpertReading,
    statements: CtStatements,
) -> ContainerContentItem:
    """TID 1500, row by row."""
    groups = tuple(_groups(predecessor, statements))
    measurements = _measurements(groups)
    root = report_root(measurements)
    content = ContentSequence()
    content.extend(LanguageOfContentItemAndDescendants(CodedConcept.from_code(codes.ENGLISH_US)))
    content.extend(person_context(reading.speaker))
    content.extend(procedures_reported(attributes))
    content.append(impression_item(_summary(reading, statements)))
    content.append(image_library(list(sources)))
    content.append(measurements)
    content.append(_evaluations(predecessor, reading, statements))
    root.ContentSequence = content
    return root


def _measurements(groups: Sequence[Dataset]) -> ContainerContentItem:
    container = ContainerContentItem(
        name=CodedConcept.from_code(codes.IMAGING_MEASUREMENTS),
        relationship_type=Relationship.CONTAINS,
    )
    items = [ContainerContentItem.from_dataset(each, copy=False) for each in groups]
    container.ContentSequence = ContentSequence(
        items or [comment("No region on any image to report.")]
    )
    return container


def _groups(predecessor: Dataset, statements: CtStatements) -> Iterator[Dataset]:
    """Give the predecessor's groups as the expert leaves them."""
    lungs = {each.side: each for each in statements.lungs}
    patterns = {each.reported_as: each for each in statements.patterns if each.reported_as}
    shares_hold = not any(each.is_changed for each in statements.lungs)
    for found in _reported(predecessor):
        group = deepcopy(found.group)
        group.ContentSequence = [
            item for item in group.ContentSequence if _name(item) not in _ALGORITHM
        ]
        if isinstance(found.what, Side):
            if found.what in lungs:
                _set_share(group, lungs[found.what])
            yield group
        elif (said := patterns.get(found.what)) is not None and said.present:
            _set_pattern(group, found.what, said.pattern, shares_hold=shares_hold)
            yield group


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class _Reported:
    """A group of the predecessor, and what it is of."""

    group: Dataset
    what: Side | Pattern


def _reported(predecessor: Dataset) -> Iterator[_Reported]:
    for row in _children(predecessor):
        if _name(row) != codes.IMAGING_MEASUREMENTS.value:
            continue
        for group in _children(row):
            if _name(group) == codes.MEASUREMENT_GROUP.value:
                what = _what(group)
                if what is not None:
                    yield _Reported(group=group, what=what)


def _what(group: Dataset) -> Side | Pattern | None:
    answers = {_name(item): _answer(item) for item in _children(group)}
    finding = answers.get(codes.FINDING.value)
    if finding is not None:
        return _PATTERNS.get(finding)
    return _LUNGS.get(answers.get(_FINDING_SITE, ""))


def _set_share(group: Dataset, said: LungStatement) -> None:
    """Write a lung's share and grade, and the volume that follows from the share."""
    share, volume = ct_codes.INHOMOGENEITY_OF[said.side], ct_codes.INHOMOGENEITY_VOLUME
    grade = _grade(said)
    items: list[Dataset] = []
    for item in group.ContentSequence:
        if _name(item) == TRACKING_IDENTIFIER.value:
            item.TextValue = title(said.side)
        if said.is_changed and _name(item) in (share.value, volume.value):
            continue
        items.append(item)
        if said.is_changed and said.percentage and _name(item) == engine_codes.VOLUME.value:
            whole = float(item.MeasuredValueSequence[0].NumericValue)
            unit = codes.concept(engine_codes.MILLILITRE)
            items.append(_number(share, said.percentage, codes.PERCENT))
            items.append(_number(volume, said.percentage * whole / 100, unit))
        if _name(item) == ct_codes.SEVERITY.value:
            item.ConceptCodeSequence = [codes.code_item(grade)]
    group.ContentSequence = items


def _set_pattern(group: Dataset, was: Pattern, now: Pattern, *, shares_hold: bool) -> None:
    """Call a pattern's group by its name; without ``shares_hold`` its parts of lungs go."""
    items: list[Dataset] = []
    for item in group.ContentSequence:
        part = _PARTS.get(_name(item))
        if part is not None and not shares_hold:
            continue
        if part is not None:
            concept = ct_codes.PART_OF[now, part[1]]
            item.ConceptNameCodeSequence = [codes.code_item(concept)]
        if _name(item) == codes.FINDING.value:
            item.ConceptCodeSequence = [codes.code_item(codes.concept(now.code))]
        if _name(item) == TRACKING_IDENTIFIER.value and now is not was:
            item.TextValue = title(now)
        items.append(item)
    group.ContentSequence = items


def _evaluations(
    predecessor: Dataset, reading: ExpertReading, statements: CtStatements
) -> ContainerContentItem:
    """Row 12: each lung's grade and share, each pattern, how it came about, and the comment."""
    container = ContainerContentItem(
        name=CodedConcept.from_code(codes.QUALITATIVE_EVALUATIONS),
        relationship_type=Relationship.CONTAINS,
    )
    places = {each.what: _images(each.group) for each in _reported(predecessor)}
    content = ContentSequence([_of_lung(each) for each in statements.lungs])
    content.extend(
        _of_pattern(each, places.get(each.reported_as, ()) if each.reported_as else ())
        for each in statements.patterns
    )
    content.append(comment(_summary(reading, statements)))
    content.extend(comment(each) for each in remarks(reading))
    container.ContentSequence = content
    return container


def _of_lung(said: LungStatement) -> ContentItem:
    item = coded(ct_codes.SEVERITY_OF[said.side], _grade(said), Relationship.CONTAINS)
    children: list[ContentItem] = []
    if said.percentage is not None:
        name = CodedConcept.from_code(ct_codes.INHOMOGENEITY_OF[said.side])
        percent = CodedConcept.from_code(codes.PERCENT)
        children.append(number(name, rounded(said.percentage), percent))
    children.append(comment(said.words, Relationship.HAS_PROPERTIES))
    item.ContentSequence = ContentSequence(children)
    return item


def _of_pattern(said: PatternStatement, images: Sequence[Dataset]) -> ContentItem:
    concept = codes.concept(said.pattern.code)
    item = coded(concept, codes.PRESENCE[said.present], Relationship.CONTAINS)
    item.ContentSequence = ContentSequence(
        [comment(said.words, Relationship.HAS_PROPERTIES), *map(_reference, images)]
    )
    return item


def _reference(image: Dataset) -> ContentItem:
    """Refer to an image as the predecessor's group does."""
    item = deepcopy(image)
    item.RelationshipType = Relationship.INFERRED_FROM.value
    item.ConceptNameCodeSequence = [codes.code_item(codes.SOURCE_OF_MEASUREMENT)]
    return ImageContentItem.from_dataset(item, copy=False)


def _images(item: Dataset) -> tuple[Dataset, ...]:
    """Return the image references that stand below coordinates."""
    found: list[Dataset] = []
    for each in _children(item):
        if each.ValueType == "SCOORD":
            found += [below for below in _children(each) if below.ValueType == "IMAGE"]
        else:
            found += _images(each)
    return tuple(found)


def _grade(said: LungStatement) -> Code:
    return ct_codes.CANNOT_GRADE if said.severity is None else ct_codes.GRADES[said.severity]


def _summary(reading: ExpertReading, statements: CtStatements) -> str:
    both = next((each for each in statements.lungs if each.side is Side.BOTH), None)
    there = dict.fromkeys(title(each.pattern) for each in statements.patterns if each.present)
    if both is None or both.percentage is None:
        share = "Inhomogeneity cannot be told"
    elif both.percentage == 0 and not there:
        share = "No inhomogeneity"
    else:
        share = f"Inhomogeneity of {share_in_words(both.percentage)} of both lungs"
    named = f": {', '.join(there)}" if there else ""
    return f"{who_has_read(reading)}. {share}{named}."


def _number(name: Code, value: float, unit: Code) -> NumContentItem:
    return NumContentItem(
        name=CodedConcept.from_code(name),
        value=rounded(value),
        unit=CodedConcept.from_code(unit),
        relationship_type=Relationship.CONTAINS,
    )


def _children(item: Dataset) -> Sequence[Dataset]:
    return list(item.get("ContentSequence") or [])


def _name(item: Dataset) -> str:
    return code_value(item, "ConceptNameCodeSequence")


def _answer(item: Dataset) -> str:
    return code_value(item, "ConceptCodeSequence")
