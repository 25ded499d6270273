"""The expert's report: a successor of the AI's, VERIFIED where its reader may verify.

It has the shape of the report that it replaces (``measurement_report``), in the same series with
the next instance number, so that viewers show it in the other's place. The observer is a person;
verification is a legal act (PS3.3 C.17.2), so a reader without the right to it stands in the
Participant Sequence as an attestor and the report stays UNVERIFIED.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentSequence,
    FindingSite,
    LanguageOfContentItemAndDescendants,
    Measurement,
    NumContentItem,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    TextContentItem,
    TrackingIdentifier,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ai_engine.prediction import ModelIdentity, Region
from sr_templates import codes
from sr_templates.character_set import declare
from sr_templates.content_items import impression_item
from sr_templates.context import EvidenceContext
from sr_templates.errors import EvidenceError
from sr_templates.expert_reading import ExpertReading, Statement
from sr_templates.image_library import image_library
from sr_templates.percent import percentage
from sr_templates.planar_roi import image_region
from sr_templates.report_content import report_root
from sr_templates.report_document import (
    complete_document,
    procedures_reported,
)
from sr_templates.report_reading import ReportedRegion, reported_regions
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import is_image, uid_of
from sr_templates.source_reference import reference
from sr_templates.uids import derived_uid
from sr_templates.verification import (
    add_verification,
    new_successor,
    person_context,
    remarks,
    require_reading,
    who_has_read,
)

Points = npt.NDArray[np.float32]


def build_verified_report(
    predecessor: Dataset,
    sources: Sequence[Dataset],
    model: ModelIdentity,
    reading: ExpertReading,
    context: EvidenceContext,
    *,
    taken_back: Sequence[Dataset] = (),
) -> Dataset:
    """Report what an expert says of an AI report.

    Parameters
    ----------
    predecessor
        The AI's report, with its content: regions that the expert leaves as they are come from it.
    sources
        Headers of the images that the reading speaks of, all of one study.
    model
        The model that made the predecessor; it remains contributing equipment.
    reading
        Who says what.
    context
        Who makes the object and when.
    taken_back
        Headers of people's reports on the predecessor that were taken back: they are predecessors
        too.

    Raises
    ------
    EvidenceError
        Nobody has read, there is no source or one without valid UIDs, or a statement is about an
        image that is not among the sources.
    """
    _check(predecessor, sources, reading)
    by_uid = {uid_of(source, "SOPInstanceUID"): source for source in sources}
    attributes = SourceAttributes(sources[0])
    report = new_successor(predecessor, model, reading, attributes, context, taken_back=taken_back)
    root = _root(predecessor, by_uid, attributes, reading)
    complete_document(report, root, list(by_uid.values()), [predecessor, *taken_back])
    add_verification(report, reading)
    declare(report, attributes.character_set)
    return report


def _check(predecessor: Dataset, sources: Sequence[Dataset], reading: ExpertReading) -> None:
    require_reading(predecessor, sources, reading)
    known = {uid_of(source, "SOPInstanceUID") for source in sources}
    if any(each.image_uid not in known for each in reading.statements):
        raise EvidenceError("the reading speaks of an image that is not among the sources")


def _root(
    predecessor: Dataset,
    sources: Mapping[str, Dataset],
    attributes: SourceAttributes,
    reading: ExpertReading,
) -> ContainerContentItem:
    """TID 1500, row by row."""
    measurements = _imaging_measurements(predecessor, sources, reading)
    root = report_root(measurements)
    content = ContentSequence()
    content.extend(LanguageOfContentItemAndDescendants(CodedConcept.from_code(codes.ENGLISH_US)))
    content.extend(person_context(reading.speaker))
    content.extend(procedures_reported(attributes))
    content.append(impression_item(_summary(reading)))
    content.append(image_library(list(sources.values())))
    content.append(measurements)
    content.append(_qualitative_evaluations(sources, reading))
    root.ContentSequence = content
    return root


def _imaging_measurements(
    predecessor: Dataset, sources: Mapping[str, Dataset], reading: ExpertReading
) -> ContainerContentItem:
    """Row 6 with a group (TID 1410) for each region of what is there; filled even without any."""
    container = ContainerContentItem(
        name=CodedConcept.from_code(codes.IMAGING_MEASUREMENTS),
        relationship_type=Relationship.CONTAINS,
    )
    outlined = reported_regions(predecessor)
    items = [item for group in _groups(reading, sources, outlined) for item in group]
    nothing = _text("No region on any image to report.", Relationship.CONTAINS)
    container.ContentSequence = ContentSequence(items or [nothing])
    return container


def _groups(
    reading: ExpertReading, sources: Mapping[str, Dataset], outlined: Sequence[ReportedRegion]
) -> Iterator[PlanarROIMeasurementsAndQualitativeEvaluations]:
    areas: Counter[tuple[str, int | None, str]] = Counter()
    for statement in reading.statements:
        source = sources[statement.image_uid]
        if not statement.present or not is_image(source):
            continue
        named = (statement.image_uid, statement.frame_number, statement.title)
        for tracking, points in _regions(statement, outlined):
            areas[named] += 1
            words = f"{statement.title} (area {areas[named]})" if areas[named] > 1 else named[-1]
            yield _group(
                statement, source, TrackingIdentifier(uid=tracking, identifier=words), points
            )


def _group(
    statement: Statement, source: Dataset, tracking: TrackingIdentifier, points: Points
) -> PlanarROIMeasurementsAndQualitativeEvaluations:
    return PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=tracking,
        referenced_region=image_region(points, source, statement.frame_number),
        finding_type=CodedConcept.from_code(codes.concept(statement.code)),
        finding_sites=_sites(statement),
        geometric_purpose=CodedConcept.from_code(codes.OUTLINE),
        measurements=[
            Measurement(name=name, value=value, unit=CodedConcept.from_code(codes.PERCENT))
            for name, value in _numbers(statement)
        ]
        or None,
    )


def _regions(
    statement: Statement, outlined: Sequence[ReportedRegion]
) -> Iterator[tuple[str, Points]]:
    """Give tracking UID and polygon of each region; a drawn box tracks the outline it replaces."""
    shown = [each for each in outlined if _is_outline_of(statement, each)]
    if statement.box is None:
        yield from ((each.tracking_uid, each.points) for each in shown)
        return
    drawn = derived_uid(
        "drawn",
        statement.image_uid,
        str(statement.frame_number),
        statement.code.scheme,
        statement.code.value,
        repr(statement.box),
    )
    yield (shown[0].tracking_uid if shown else drawn), _rectangle(statement.box)


def _is_outline_of(statement: Statement, region: ReportedRegion) -> bool:
    reported = statement.reported_as
    return (
        reported is not None
        and region.code == (reported.value, reported.scheme)
        and region.image_uid == statement.image_uid
        and statement.frame_number in (None, region.frame_number)
    )


def _rectangle(box: Region) -> Points:
    corners = (
        (box.left, box.top),
        (box.right, box.top),
        (box.right, box.bottom),
        (box.left, box.bottom),
        (box.left, box.top),
    )
    return np.asarray(corners, np.float32)


def _sites(statement: Statement) -> list[FindingSite] | None:
    if statement.site is None:
        return None
    side = codes.LATERALITIES.get(statement.laterality)
    return [
        FindingSite(
            anatomic_location=CodedConcept.from_code(codes.concept(statement.site)),
            laterality=CodedConcept.from_code(side) if side else None,
        )
    ]


def _qualitative_evaluations(
    sources: Mapping[str, Dataset], reading: ExpertReading
) -> ContainerContentItem:
    """Row 12: each statement with the model's numbers and how it came about, then the comment."""
    container = ContainerContentItem(
        name=CodedConcept.from_code(codes.QUALITATIVE_EVALUATIONS),
        relationship_type=Relationship.CONTAINS,
    )
    content = ContentSequence(
        [_evaluation(each, sources[each.image_uid]) for each in reading.statements]
    )
    content.append(_text(_summary(reading), Relationship.CONTAINS))
    content.extend(_text(each, Relationship.CONTAINS) for each in remarks(reading))
    container.ContentSequence = content
    return container


def _evaluation(statement: Statement, source: Dataset) -> CodeContentItem:
    item = _code(
        codes.concept(statement.code), codes.PRESENCE[statement.present], Relationship.CONTAINS
    )
    children = ContentSequence(
        [
            NumContentItem(
                name=name,
                value=value,
                unit=CodedConcept.from_code(codes.PERCENT),
                relationship_type=Relationship.HAS_PROPERTIES,
            )
            for name, value in _numbers(statement)
        ]
    )
    if side := codes.LATERALITIES.get(statement.laterality):
        children.append(_code(codes.LATERALITY, side, Relationship.HAS_CONCEPT_MOD))
    children.append(_text(statement.words, Relationship.HAS_PROPERTIES))
    children.append(
        reference(
            source,
            codes.SOURCE_OF_MEASUREMENT,
            Relationship.INFERRED_FROM,
            statement.frame_number,
        )
    )
    item.ContentSequence = children
    return item


def _numbers(statement: Statement) -> Iterator[tuple[CodedConcept, float]]:
    if statement.probability is None or statement.threshold is None:
        return
    name = CodedConcept.from_code(codes.probability_of(statement.code, statement.title))
    name.EquivalentCodeSequence = [codes.code_item(codes.PROBABILITY)]
    probability, threshold = statement.probability, statement.threshold
    yield name, percentage(probability, beside=threshold)
    threshold_value = CodedConcept.from_code(codes.THRESHOLD_VALUE)
    yield threshold_value, percentage(threshold, beside=probability)


def _summary(reading: ExpertReading) -> str:
    there = dict.fromkeys(each.title for each in reading.statements if each.present)
    found = f"Findings: {', '.join(there)}." if there else "No finding."
    return f"{who_has_read(reading)}. {found}"


def _code(name: Code, value: Code, relationship: Relationship) -> CodeContentItem:
    return CodeContentItem(
        name=CodedConcept.from_code(name),
        value=CodedConcept.from_code(value),
        relationship_type=relationship,
    )


def _text(value: str, relationship: Relationship) -> TextContentItem:
    return TextContentItem(
        name=CodedConcept.from_code(codes.COMMENT), value=value, relationship_type=relationship
    )
