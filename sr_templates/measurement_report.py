"""TID 1500 Measurement Report as a Comprehensive 3D SR (PS3.3 A.35.13, PS3.16)."""

from collections.abc import Sequence

from highdicom.sr import ContainerContentItem, ContentItem
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage

from ai_engine.prediction import Prediction
from sr_templates.algorithm_identification import algorithm_identification
from sr_templates.character_set import declare
from sr_templates.comparison import compared_findings
from sr_templates.context import EvidenceContext
from sr_templates.earlier_result import EarlierResult
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.impression import impression
from sr_templates.instance import new_instance
from sr_templates.planar_roi import planar_roi_groups
from sr_templates.qualitative_evaluations import qualitative_evaluations
from sr_templates.report_content import imaging_measurements, report_content
from sr_templates.report_document import (
    complete_document,
    expert_report_sentences,
    next_instance_number,
)
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import sources_by_uid, uid_of
from sr_templates.uids import document_uid, series_uid


def build_measurement_report(
    prediction: Prediction,
    sources: Sequence[Dataset],
    context: EvidenceContext,
    *,
    predecessors: Sequence[Dataset] = (),
    expert_reports: Sequence[Dataset] = (),
    companions: Sequence[Dataset] = (),
    earlier: EarlierResult | None = None,
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
        Headers of the reports that this one replaces. It is numbered after those in its series.
    expert_reports
        Headers of people's reports on earlier results, which viewers would hide behind this one.
        They are predecessors too, and the text says that they exist.
    companions
        Headers of the other objects made of the prediction, which the report lists as evidence
        beside the images (PS3.3 C.17.2.3).
    earlier
        The result of an earlier study of the patient that findings are compared with.

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
    replaced = (*predecessors, *expert_reports)
    attributes = SourceAttributes(sources[0])
    study = uid_of(sources[0], "StudyInstanceUID")
    series = series_uid(study, prediction.model, EvidenceKind.SR)
    report = new_instance(
        sop_class_uid=Comprehensive3DSRStorage,
        sop_instance_uid=document_uid(
            study,
            prediction,
            tuple(by_uid),
            EvidenceKind.SR,
            tuple(uid_of(predecessor, "SOPInstanceUID") for predecessor in replaced),
        ),
        instance_number=next_instance_number(replaced, series),
        kind=EvidenceKind.SR,
        model=prediction.model,
        attributes=attributes,
        context=context,
    )
    evidence = [*by_uid.values(), *companions]
    notes = tuple(expert_report_sentences(expert_reports, series))
    compared = compared_findings(prediction, earlier)
    root = _content(prediction, by_uid, attributes, notes, compared)
    others = [earlier.report.header] if earlier and compared else []
    complete_document(report, root, evidence, replaced, others)
    declare(report, attributes.character_set)
    return report


def _content(
    prediction: Prediction,
    sources: dict[str, Dataset],
    attributes: SourceAttributes,
    notes: Sequence[str],
    compared: Sequence[ContentItem],
) -> ContainerContentItem:
    """The groups are TID 1410's."""
    algorithm = algorithm_identification(prediction)
    groups = (
        group
        for image in prediction.images
        for group in planar_roi_groups(
            image, sources[image.sop_instance_uid], prediction.model, algorithm
        )
    )
    return report_content(
        prediction.model,
        attributes,
        list(sources.values()),
        impression=impression(prediction),
        measurements=imaging_measurements(groups),
        evaluations=qualitative_evaluations(prediction, sources, notes, compared),
    )
