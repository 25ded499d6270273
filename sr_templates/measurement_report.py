"""TID 1500 Measurement Report as a Comprehensive 3D SR (PS3.3 A.35.13, PS3.16)."""

from collections.abc import Sequence

from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentSequence,
    LanguageOfContentItemAndDescendants,
    TextContentItem,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import Comprehensive3DSRStorage

from ai_engine.prediction import Prediction
from sr_templates import codes
from sr_templates.algorithm_identification import algorithm_identification, observation_context
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.image_library import image_library
from sr_templates.instance import new_instance
from sr_templates.planar_roi import planar_roi_groups
from sr_templates.qualitative_evaluations import qualitative_evaluations
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import hierarchical_references, sources_by_uid, uid_of
from sr_templates.uids import document_uid

_RADIOGRAPHY = frozenset({"CR", "DX", "RG"})


def build_measurement_report(
    prediction: Prediction,
    sources: Sequence[Dataset],
    context: EvidenceContext,
    *,
    predecessors: Sequence[Dataset] = (),
) -> Dataset:
    """Report what one model says about one study, including that it says nothing, and why.

    Parameters
    ----------
    prediction
        The findings and refusals of one model on one study.
    sources
        Headers of the images that were analysed or refused, all of one study; pixels are not
        needed. The first gives the patient and study modules.
    context
        Who makes the report and when.
    predecessors
        Headers of the reports that this one replaces. It stays in their series, with the next
        instance number.

    Returns
    -------
    Dataset
        A Comprehensive 3D SR, COMPLETE and UNVERIFIED, ready to be written as Part 10.

    Raises
    ------
    EvidenceError
        The sources are none or of several studies, have invalid UIDs, or lack an image of the
        prediction.
    """
    by_uid = sources_by_uid(prediction, sources)
    attributes = SourceAttributes(sources[0])
    report = new_instance(
        sop_class_uid=Comprehensive3DSRStorage,
        sop_instance_uid=document_uid(
            uid_of(sources[0], "StudyInstanceUID"),
            prediction,
            tuple(by_uid),
            EvidenceKind.SR,
            tuple(uid_of(predecessor, "SOPInstanceUID") for predecessor in predecessors),
        ),
        instance_number=1 + max((int(p.InstanceNumber or 0) for p in predecessors), default=0),
        kind=EvidenceKind.SR,
        model=prediction.model,
        attributes=attributes,
        context=context,
    )
    _add_document_series(report)
    _add_document_general(report, list(by_uid.values()), predecessors)
    _add_content(report, _root(prediction, by_uid, attributes))
    declare(report, attributes.character_set)
    return report


def _add_document_series(report: Dataset) -> None:
    """SR Document Series module (PS3.3 C.17.1); no performed procedure step is known here."""
    report.ReferencedPerformedProcedureStepSequence = []


def _add_document_general(
    report: Dataset, sources: Sequence[Dataset], predecessors: Sequence[Dataset]
) -> None:
    """SR Document General module (PS3.3 C.17.2)."""
    report.PreliminaryFlag = "PRELIMINARY"
    report.CompletionFlag = "COMPLETE"
    report.VerificationFlag = "UNVERIFIED"
    report.PerformedProcedureCodeSequence = []
    if report.AccessionNumber:
        report.ReferencedRequestSequence = [_request(report)]
    report.CurrentRequestedProcedureEvidenceSequence = hierarchical_references(sources)
    if predecessors:
        report.PredecessorDocumentsSequence = hierarchical_references(predecessors)


def _request(report: Dataset) -> Dataset:
    """Item of Referenced Request Sequence: the request is known by its accession number only."""
    item = Dataset()
    item.StudyInstanceUID = report.StudyInstanceUID
    item.AccessionNumber = report.AccessionNumber
    item.ReferencedStudySequence = []
    item.RequestedProcedureCodeSequence = []
    for keyword in (
        "PlacerOrderNumberImagingServiceRequest",
        "FillerOrderNumberImagingServiceRequest",
        "RequestedProcedureID",
        "RequestedProcedureDescription",
    ):
        setattr(item, keyword, None)
    return item


def _root(
    prediction: Prediction, sources: dict[str, Dataset], attributes: SourceAttributes
) -> ContainerContentItem:
    """TID 1500, row by row."""
    root = ContainerContentItem(
        name=CodedConcept.from_code(codes.IMAGING_MEASUREMENT_REPORT), template_id="1500"
    )
    content = ContentSequence()
    content.extend(LanguageOfContentItemAndDescendants(CodedConcept.from_code(codes.ENGLISH_US)))
    content.extend(observation_context(prediction.model))
    content.extend(_procedures_reported(attributes))
    content.append(image_library(list(sources.values())))
    content.append(_imaging_measurements(prediction, sources))
    content.append(qualitative_evaluations(prediction, sources))
    root.ContentSequence = content
    return root


def _procedures_reported(attributes: SourceAttributes) -> list[CodeContentItem]:
    """Row 4: the imaging procedure, as the study codes it or as modality and body part tell."""
    coded = [_as_concept(item) for item in attributes.code_items("ProcedureCodeSequence")]
    return [
        CodeContentItem(
            name=CodedConcept.from_code(codes.PROCEDURE_REPORTED),
            value=value,
            relationship_type=Relationship.HAS_CONCEPT_MOD,
        )
        for value in coded or [CodedConcept.from_code(_likely_procedure(attributes))]
    ]


def _as_concept(item: Dataset) -> CodedConcept:
    return CodedConcept(
        value=item.get("CodeValue") or item.LongCodeValue,
        scheme_designator=item.CodingSchemeDesignator,
        meaning=item.CodeMeaning,
        scheme_version=item.get("CodingSchemeVersion"),
    )


def _likely_procedure(attributes: SourceAttributes) -> Code:
    modality, body_part = (
        "".join(attributes.values(keyword)[:1]) for keyword in ("Modality", "BodyPartExamined")
    )
    if modality in _RADIOGRAPHY:
        return codes.CHEST_RADIOGRAPHY if body_part == "CHEST" else codes.RADIOGRAPHY
    return codes.COMPUTED_TOMOGRAPHY if modality == "CT" else codes.IMAGING_PROCEDURE


def _imaging_measurements(
    prediction: Prediction, sources: dict[str, Dataset]
) -> ContainerContentItem:
    """Row 6, with row 7's groups (TID 1410); without any, it says so.

    It is written and filled even then, because older viewers read it without asking whether it is
    there, and highdicom's reader expects something in it.
    """
    container = ContainerContentItem(
        name=CodedConcept.from_code(codes.IMAGING_MEASUREMENTS),
        relationship_type=Relationship.CONTAINS,
    )
    algorithm = algorithm_identification(prediction)
    groups = [
        group
        for image in prediction.images
        for group in planar_roi_groups(
            image, sources[image.sop_instance_uid], prediction.model, algorithm
        )
    ]
    items = [item for group in groups for item in group]
    container.ContentSequence = ContentSequence(items or [_nothing_to_outline()])
    return container


def _nothing_to_outline() -> TextContentItem:
    return TextContentItem(
        name=CodedConcept.from_code(codes.COMMENT),
        value="No region on any image to report.",
        relationship_type=Relationship.CONTAINS,
    )


def _add_content(report: Dataset, root: ContainerContentItem) -> None:
    """SR Document Content module (PS3.3 C.17.3): the root content item is the object itself."""
    for element in root:
        report[element.tag] = element
