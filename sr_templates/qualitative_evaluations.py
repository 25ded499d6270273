"""TID 1500 row 12, Qualitative Evaluations: what holds for whole images, and for the study.

Image-level results stand here and not in measurement groups, because a group without a region makes
OHIF fail. Rows 13 and 14 take any CODE and TEXT; the numbers behind a verdict and the image it
holds for are its children, as the template is extensible.
"""

from collections.abc import Iterator, Mapping, Sequence

from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    NumContentItem,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from ai_engine.prediction import (
    Finding,
    ImagePrediction,
    Prediction,
    Refusal,
    RefusalReason,
    Remark,
)
from sr_templates import codes
from sr_templates.algorithm_identification import algorithm_identification, as_statements
from sr_templates.content_items import coded, comment, derived, number, summary_code
from sr_templates.notices import is_incomplete
from sr_templates.percent import percentage
from sr_templates.planar_roi import probability_concept
from sr_templates.source_reference import reference

# Reasons that come up only when an analysis is under way.
TRIED = frozenset({RefusalReason.UNDECODABLE, RefusalReason.ANALYSIS_FAILED})


def qualitative_evaluations(
    prediction: Prediction,
    sources: Mapping[str, Dataset],
    notes: Sequence[str] = (),
    compared: Sequence[ContentItem] = (),
) -> ContainerContentItem:
    """Say how the analysis went, each label's verdict on each image, and what was not analysed.

    Parameters
    ----------
    sources
        The study's images by SOP Instance UID; every image of the prediction is among them.
    notes
        Sentences on what else must be known of the study.
    compared
        What puts the result beside an earlier one (`comparison`).
    """
    container = ContainerContentItem(
        name=CodedConcept.from_code(codes.QUALITATIVE_EVALUATIONS),
        relationship_type=Relationship.CONTAINS,
    )
    content = ContentSequence()
    content.append(coded(codes.SUMMARY, summary(prediction)))
    for image in prediction.images:
        source = sources[image.sop_instance_uid]
        content.extend(_verdict(finding, image, source) for finding in image.findings)
    for refusal in prediction.refusals:
        content.append(_refusal(refusal, sources[refusal.sop_instance_uid]))
    for remark in prediction.remarks:
        content.append(_remark(remark, sources[remark.sop_instance_uid]))
    content.extend(compared)
    content.extend(comment(sentence) for sentence in (*summary_sentences(prediction), *notes))
    content.extend(as_statements(algorithm_identification(prediction)))
    container.ContentSequence = content
    return container


def summary(prediction: Prediction) -> Code:
    """CID 6047: whether all, some or no images could be analysed, and whether with findings."""
    if not prediction.images:
        return codes.NONE_SUCCEEDED
    whole = not prediction.refusals and not is_incomplete(prediction.remarks)
    return summary_code(whole=whole, positive=prediction.is_positive)


def summary_sentences(prediction: Prediction) -> Iterator[str]:
    """Say the same for a reader of plain text."""
    analysed, refused = len(prediction.images), len(prediction.refusals)
    if analysed and refused:
        yield f"Partly analysed: {_images(analysed)} analysed, {_images(refused)} not analysed."
    elif analysed:
        count = analysed
        yield "1 image analysed." if count == 1 else f"{count} images analysed."
    else:
        yield "Not analysed: no image could be analysed."
    if analysed:
        titles = dict.fromkeys(f.title for image in prediction.images for f in image.positive)
        found = ", ".join(titles)
        yield f"At or above threshold: {found}." if found else "No finding above threshold."
    for reason in dict.fromkeys(refusal.reason for refusal in prediction.refusals):
        yield f"Not analysed: {reason.value}."
    yield from dict.fromkeys(remark.detail for remark in prediction.remarks)
    if prediction.model.research_only:
        yield "Demonstration - not for clinical use."


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _verdict(finding: Finding, image: ImagePrediction, source: Dataset) -> CodeContentItem:
    """Row 13: the finding is the question, positive or negative the answer."""
    item = coded(
        codes.concept(finding.code),
        codes.POSITIVE if finding.is_positive else codes.NEGATIVE,
    )
    item.ContentSequence = ContentSequence(
        [
            derived(
                _percentage(
                    probability_concept(finding),
                    percentage(finding.probability, beside=finding.threshold),
                ),
                codes.ESTIMATED,
                codes.CLASSIFICATION,
            ),
            _percentage(
                CodedConcept.from_code(codes.THRESHOLD_VALUE),
                percentage(finding.threshold, beside=finding.probability),
            ),
            reference(
                source,
                codes.SOURCE_OF_MEASUREMENT,
                Relationship.INFERRED_FROM,
                image.frame_number,
            ),
        ]
    )
    return item


def _refusal(refusal: Refusal, source: Dataset) -> CodeContentItem:
    """CID 6042: not attempted, or tried and failed; with the coded reason and its words."""
    status = codes.FAILED if refusal.reason in TRIED else codes.NOT_ATTEMPTED
    item = coded(codes.SUMMARY_OF_ANALYSES, status)
    words = ": ".join(part for part in (refusal.reason.value, refusal.detail) if part)
    item.ContentSequence = ContentSequence(
        [
            coded(codes.REASON, codes.REFUSAL_REASONS[refusal.reason], Relationship.HAS_PROPERTIES),
            comment(words, Relationship.HAS_PROPERTIES),
            reference(source, codes.SOURCE_OF_MEASUREMENT, Relationship.INFERRED_FROM),
        ]
    )
    return item


def _remark(remark: Remark, source: Dataset) -> CodeContentItem:
    """Row 13: a coded remark, its words, and the image that it is about."""
    item = coded(codes.REMARK, codes.REMARKS[remark.kind])
    item.ContentSequence = ContentSequence(
        [
            comment(remark.detail, Relationship.HAS_PROPERTIES),
            reference(source, codes.SOURCE_OF_MEASUREMENT, Relationship.INFERRED_FROM),
        ]
    )
    return item


def _percentage(name: CodedConcept, value: float) -> NumContentItem:
    return number(name, value, CodedConcept.from_code(codes.PERCENT))
