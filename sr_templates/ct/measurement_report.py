"""TID 1500 Measurement Report of a CT study, as a Comprehensive 3D SR (PS3.3 A.35.13, PS3.16)."""

from collections.abc import Sequence

from highdicom.sr import (
    CodedConcept,
    ContainerContentItem,
    ContentSequence,
    LanguageOfContentItemAndDescendants,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage

from ai_engine.ct.prediction import CtPrediction
from sr_templates import codes
from sr_templates.algorithm_identification import observation_context
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.ct.evaluations import ct_evaluations
from sr_templates.ct.subject import CtSubject, ct_subject
from sr_templates.ct.volumetric_roi import volumetric_roi_groups
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.image_library import image_library
from sr_templates.measurement_report import nothing_to_outline
from sr_templates.report_document import (
    complete_document,
    next_instance_number,
    procedures_reported,
)
from sr_templates.source_image import uid_of
from sr_templates.uids import series_uid


def build_ct_report(
    prediction: CtPrediction,
    sources: Sequence[Dataset],
    context: EvidenceContext,
    *,
    segmented: bool,
    predecessors: Sequence[Dataset] = (),
    companions: Sequence[Dataset] = (),
) -> Dataset:
    """Report what one model says about a CT study, including that it says nothing, and why.

    Parameters
    ----------
    prediction
        The measurements of one series, or the reasons why there are none.
    sources
        Headers of the study's images, pixels not needed.
    context
        Who makes the report and when.
    segmented
        Whether `build_ct_segmentation`'s object goes with the report, so that it may refer to its
        segments; else the groups have outlines as their regions.
    predecessors
        Headers of the reports that this one replaces.
    companions
        Headers of the other objects made of the prediction, listed as evidence.

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
    subject = ct_subject(prediction, sources)
    segmented = segmented and prediction.analysis is not None
    study = uid_of(sources[0], "StudyInstanceUID")
    series = series_uid(study, prediction.model, EvidenceKind.SR)
    report = subject.new_object(
        EvidenceKind.SR,
        Comprehensive3DSRStorage,
        context,
        number=next_instance_number(predecessors, series),
        parts=(
            "segmented" if segmented else "outlined",
            *sorted(uid_of(each, "SOPInstanceUID") for each in predecessors),
        ),
    )
    evidence = list(subject.sources.values())
    if segmented:
        evidence.append(subject.segmentation())
    evidence += companions
    complete_document(report, _root(subject, segmented=segmented), evidence, predecessors)
    declare(report, subject.attributes.character_set)
    return report


def _root(subject: CtSubject, *, segmented: bool) -> ContainerContentItem:
    """TID 1500, row by row; the image library has what was analysed or should have been."""
    prediction = subject.prediction
    named = prediction.analysed | prediction.refused
    root = ContainerContentItem(
        name=CodedConcept.from_code(codes.IMAGING_MEASUREMENT_REPORT), template_id="1500"
    )
    content = ContentSequence()
    content.extend(LanguageOfContentItemAndDescendants(CodedConcept.from_code(codes.ENGLISH_US)))
    content.extend(observation_context(prediction.model))
    content.extend(procedures_reported(subject.attributes))
    content.append(image_library([s for uid, s in subject.sources.items() if uid in named]))
    content.append(_imaging_measurements(subject, segmented=segmented))
    content.append(ct_evaluations(subject))
    root.ContentSequence = content
    return root


def _imaging_measurements(subject: CtSubject, *, segmented: bool) -> ContainerContentItem:
    """Row 6, with TID 1411 groups; without any, it says so, because viewers ask for its content."""
    container = ContainerContentItem(
        name=CodedConcept.from_code(codes.IMAGING_MEASUREMENTS),
        relationship_type=Relationship.CONTAINS,
    )
    items = []
    if subject.prediction.analysis is not None:
        groups = volumetric_roi_groups(subject, segmented=segmented)
        items = [item for group in groups for item in group]
    container.ContentSequence = ContentSequence(items or [nothing_to_outline()])
    return container
