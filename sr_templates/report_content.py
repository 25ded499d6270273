"""TID 1500 row by row, whatever was measured (PS3.16)."""

from collections.abc import Iterable, Sequence
from typing import Any

from highdicom.sr import (
    CodedConcept,
    ContainerContentItem,
    ContentSequence,
    LanguageOfContentItemAndDescendants,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset

from ai_engine.prediction import ModelIdentity
from sr_templates import codes
from sr_templates.algorithm_identification import observation_context
from sr_templates.content_items import comment, impression_item
from sr_templates.image_library import image_library
from sr_templates.report_document import procedures_reported
from sr_templates.source_attributes import SourceAttributes


def report_content(
    model: ModelIdentity,
    attributes: SourceAttributes,
    images: Sequence[Dataset],
    *,
    impression: str,
    measurements: ContainerContentItem,
    evaluations: ContainerContentItem,
) -> ContainerContentItem:
    """The root of a report: who observed, on what, and what came of it.

    Parameters
    ----------
    images
        What the image library lists.
    impression
        The result in one sentence.
    measurements, evaluations
        Rows 6 and 12.
    """
    root = report_root(measurements)
    content = ContentSequence()
    content.extend(LanguageOfContentItemAndDescendants(CodedConcept.from_code(codes.ENGLISH_US)))
    content.extend(observation_context(model))
    content.extend(procedures_reported(attributes))
    content.append(impression_item(impression))
    content.append(image_library(images))
    content.append(measurements)
    content.append(evaluations)
    root.ContentSequence = content
    return root


def report_root(measurements: ContainerContentItem) -> ContainerContentItem:
    """Row 1, still without content: the title says whether there is anything measured to look at.

    Of an Imaging Measurement Report OHIF 3.12 shows the images with its groups drawn on them, and
    nothing at all where there is no group; any other title it shows in words. CID 7021 may be
    extended, and has no title for a report without a measurement.
    """
    measured = any(each.name == codes.MEASUREMENT_GROUP for each in measurements.ContentSequence)
    title = codes.IMAGING_MEASUREMENT_REPORT if measured else codes.RADIOLOGY_OBSERVATION
    return ContainerContentItem(name=CodedConcept.from_code(title), template_id="1500")


def imaging_measurements(groups: Iterable[Iterable[Any]]) -> ContainerContentItem:
    """Row 6, with the groups of rows 7 to 9; without any, it says so.

    It is written and filled even then, because older viewers read it without asking whether it is
    there, and highdicom's reader expects something in it.
    """
    container = ContainerContentItem(
        name=CodedConcept.from_code(codes.IMAGING_MEASUREMENTS),
        relationship_type=Relationship.CONTAINS,
    )
    items = [item for group in groups for item in group]
    container.ContentSequence = ContentSequence(
        items or [comment("No region on any image to report.")]
    )
    return container
