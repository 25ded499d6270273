"""TID 1500 Measurement Report of a CT study, as a Comprehensive 3D SR (PS3.3 A.35.13, PS3.16)."""

from collections.abc import Sequence

from highdicom.sr import ContainerContentItem, ContentItem
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage

from ai_engine.ct.prediction import CtPrediction
from sr_templates.character_set import declare
from sr_templates.comparison import compared_shares
from sr_templates.context import EvidenceContext
from sr_templates.ct.evaluations import ct_evaluations
from sr_templates.ct.impression import ct_impression
from sr_templates.ct.subject import CtSubject, ct_subject
from sr_templates.ct.volumetric_roi import volumetric_roi_groups
from sr_templates.earlier_result import EarlierResult
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.report_content import imaging_measurements, report_content
from sr_templates.report_document import (
    complete_document,
    next_instance_number,
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
    earlier: EarlierResult | None = None,
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
    earlier
        The result of an earlier study of the patient that percentages are compared with.

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
    compared = compared_shares(prediction, earlier)
    root = _content(subject, compared, segmented=segmented)
    others = [earlier.report.header] if earlier and compared else []
    complete_document(report, root, evidence, predecessors, others)
    declare(report, subject.attributes.character_set)
    return report


def _content(
    subject: CtSubject, compared: Sequence[ContentItem], *, segmented: bool
) -> ContainerContentItem:
    """The groups are TID 1411's; the image library has what was analysed or should have been."""
    prediction = subject.prediction
    named = prediction.analysed | prediction.refused
    groups = (
        volumetric_roi_groups(subject, segmented=segmented)
        if prediction.analysis is not None
        else ()
    )
    return report_content(
        prediction.model,
        subject.attributes,
        [source for uid, source in subject.sources.items() if uid in named],
        impression=ct_impression(prediction),
        measurements=imaging_measurements(groups),
        evaluations=ct_evaluations(subject, compared),
    )
