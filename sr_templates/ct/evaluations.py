"""TID 1500 row 12 of a CT report: how it went, grades, explanation, what was not analysed."""

from collections.abc import Iterator, Sequence

from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentItem,
    ContentSequence,
    NumContentItem,
    TextContentItem,
    UIDRefContentItem,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.sr.coding import Code

from ai_engine.ct import codes as engine_codes
from ai_engine.ct.explanation import conclusion
from ai_engine.ct.prediction import SeriesRefusal
from ai_engine.ct.refusal import CtRefusalReason
from ai_engine.ct.results import Caution, CtAnalysis, KeySlice, LungMeasurement, Side, SliceRange
from ai_engine.ct.shares import share_in_words
from ai_engine.prediction import Remark
from sr_templates import codes
from sr_templates.algorithm_identification import as_statements, identified
from sr_templates.content_items import coded, comment, derived, number, summary_code
from sr_templates.ct import codes as ct_codes
from sr_templates.ct.algorithm import ct_parameters
from sr_templates.ct.subject import CtSubject
from sr_templates.ct.volumetric_roi import lung_numbers, rounded
from sr_templates.notices import is_incomplete
from sr_templates.source_reference import reference

WARNING = "Demonstration - not for clinical use."


def ct_evaluations(
    subject: CtSubject, compared: Sequence[ContentItem] = ()
) -> ContainerContentItem:
    """Say how it went, the lungs' grades, and which slices show what (paper 5, Fig. 7).

    ``compared`` is what puts the result beside an earlier one (`comparison`).
    """
    prediction = subject.prediction
    container = ContainerContentItem(
        name=CodedConcept.from_code(codes.QUALITATIVE_EVALUATIONS),
        relationship_type=Relationship.CONTAINS,
    )
    content = ContentSequence()
    content.append(coded(codes.SUMMARY, _summary(subject)))
    content.extend(_remark(remark) for remark in prediction.remarks)
    content.append(comment(prediction.choice))
    if prediction.analysis is not None:
        content.append(comment(conclusion(prediction.analysis)))
        content.extend(_grades(prediction.analysis))
        content.append(comment(figures_in_words(prediction.analysis.measurements)))
        content.extend(compared)
        content.extend(_explanation(subject))
        content.extend(_caution(caution) for caution in prediction.analysis.cautions)
        content.extend(comment(words) for words in prediction.analysis.corrections)
    content.extend(_refusal(refusal, subject) for refusal in prediction.refusals)
    content.extend(comment(words) for words in left_out_in_words(subject))
    content.extend(comment(f"Limitation: {words}") for words in prediction.limitations)
    if prediction.model.research_only:
        content.append(comment(WARNING))
    algorithm = identified(prediction.model, ct_parameters(prediction))
    content.extend(as_statements(algorithm))
    container.ContentSequence = content
    return container


def figures_in_words(rows: tuple[LungMeasurement, ...]) -> str:
    """Say volumes and percentages in one sentence, for readers of plain text."""
    return "; ".join(
        f"{row.side}: {row.volume_ml:.0f} ml, {row.aerated_ml:.0f} ml of it aerated, "
        f"inhomogeneity {share_in_words(row.percentage)}"
        for row in rows
        if row.percentage is not None
    ).capitalize()


def left_out_in_words(subject: CtSubject) -> Iterator[str]:
    """Say what needn't be analysed, and why."""
    for each in subject.prediction.left_out:
        count = len(each.sop_instance_uids)
        images = "1 image" if count == 1 else f"{count} images"
        yield f"Not analysed: {images}, {each.reason}."


def refusal_in_words(refusal: SeriesRefusal) -> str:
    """Say why a series was not analysed."""
    return f"Not analysed, because {refusal.reason.value}: {refusal.detail}."


def _summary(subject: CtSubject) -> Code:
    """CID 6047: whether all, some or no series could be analysed, and whether with findings.

    Where no grade can be given, the analysis didn't wholly succeed.
    """
    prediction = subject.prediction
    if prediction.analysis is None:
        return codes.NONE_SUCCEEDED
    doubtful = prediction.analysis.doubts or is_incomplete(prediction.remarks)
    whole = not prediction.refusals and not doubtful
    return summary_code(whole=whole, positive=prediction.is_positive)


def _grades(analysis: CtAnalysis) -> Iterator[CodeContentItem]:
    """Each lung's grade (paper 5, section 6) or that there is none and why, and the figures."""
    for row in analysis.measurements:
        if row.percentage is None:
            continue
        item = coded(
            ct_codes.SEVERITY_OF[row.side],
            ct_codes.CANNOT_GRADE if row.severity is None else ct_codes.GRADES[row.severity],
            Relationship.CONTAINS,
        )
        numbers: list[ContentItem] = [
            _measured(
                CodedConcept.from_code(codes.concept(engine_codes.VOLUME)),
                rounded(row.volume_ml),
                CodedConcept.from_code(codes.concept(engine_codes.MILLILITRE)),
            ),
            *(_measured(*figure) for figure in lung_numbers(row)),
        ]
        if row.side is not Side.BOTH:
            numbers = numbers[1:2]
        if row.severity is None:
            numbers.extend(
                coded(codes.REASON, ct_codes.CAUTIONS[doubt], Relationship.HAS_PROPERTIES)
                for doubt in analysis.doubts
            )
        item.ContentSequence = ContentSequence(numbers)
        yield item


def _caution(caution: Caution) -> CodeContentItem:
    """A caution's code, with its words."""
    item = coded(ct_codes.CAUTION, ct_codes.CAUTIONS[caution])
    item.ContentSequence = ContentSequence([comment(caution.value, Relationship.HAS_PROPERTIES)])
    return item


def _explanation(subject: CtSubject) -> Iterator[TextContentItem]:
    """Fig. 7's sentences; those on slices with inhomogeneity refer to the key images in them."""
    analysis = subject.analysis
    opening, *sentences = analysis.explanation
    yield comment(opening)
    for sentence, span in zip(sentences, analysis.ranges, strict=True):
        item = comment(sentence)
        images = [_image(key, subject) for key in analysis.key_slices if _shows(key, span)]
        if images:
            item.ContentSequence = ContentSequence(images)
        yield item


def _shows(key: KeySlice, span: SliceRange) -> bool:
    return bool(key.areas) and span.first <= key.number <= span.last


def _image(key: KeySlice, subject: CtSubject) -> ContentItem:
    return reference(
        subject.sources[key.reference.sop_instance_uid],
        codes.SOURCE_OF_MEASUREMENT,
        Relationship.INFERRED_FROM,
        key.reference.frame_number,
    )


def _remark(remark: Remark) -> CodeContentItem:
    """Row 13: a coded remark on how the study came, with its words."""
    item = coded(codes.REMARK, codes.REMARKS[remark.kind])
    item.ContentSequence = ContentSequence([comment(remark.detail, Relationship.HAS_PROPERTIES)])
    return item


def _refusal(refusal: SeriesRefusal, subject: CtSubject) -> CodeContentItem:
    """CID 6042: not attempted, or tried and failed; the coded reason, its words, the series."""
    failed = refusal.reason is CtRefusalReason.UNDECODABLE
    status = codes.FAILED if failed else codes.NOT_ATTEMPTED
    item = coded(codes.SUMMARY_OF_ANALYSES, status)
    reason = ct_codes.REFUSAL_REASONS[refusal.reason]
    children = [
        coded(codes.REASON, reason, Relationship.HAS_PROPERTIES),
        comment(refusal_in_words(refusal), Relationship.HAS_PROPERTIES),
        UIDRefContentItem(
            name=CodedConcept.from_code(ct_codes.SERIES_INSTANCE_UID),
            value=refusal.series_instance_uid,
            relationship_type=Relationship.HAS_PROPERTIES,
        ),
        reference(
            subject.sources[refusal.sop_instance_uids[0]],
            codes.SOURCE_OF_MEASUREMENT,
            Relationship.INFERRED_FROM,
        ),
    ]
    item.ContentSequence = ContentSequence(children)
    return item


def _measured(name: CodedConcept, value: float, unit: CodedConcept) -> NumContentItem:
    is_mean = name.value == engine_codes.MEAN_ATTENUATION.value
    derivation = codes.MEAN if is_mean else codes.CALCULATED
    return derived(number(name, value, unit), derivation, ct_codes.METHOD)
