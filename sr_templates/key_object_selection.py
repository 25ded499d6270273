"""Key Object Selection (PS3.3 A.35.4, TID 2010): images to look at, and results to disregard."""

from collections.abc import Sequence

from highdicom.sr import (
    CodeContentItem,
    CodedConcept,
    ContainerContentItem,
    ContentSequence,
    LanguageOfContentItemAndDescendants,
    ObservationContext,
    ObserverContext,
    PersonObserverIdentifyingAttributes,
    TextContentItem,
)
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import KeyObjectSelectionDocumentStorage

from ai_engine.prediction import ImagePrediction, ModelIdentity, Prediction
from sr_templates import codes
from sr_templates.algorithm_identification import observation_context
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.errors import EvidenceError
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.instance import new_instance
from sr_templates.overlay import WARNING
from sr_templates.percent import percent
from sr_templates.report_document import keep_apart
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import (
    check_identity,
    hierarchical_references,
    sources_by_uid,
    uid_of,
)
from sr_templates.source_reference import reference
from sr_templates.uids import derived_uid, document_uid


def build_key_object_selection(
    prediction: Prediction, sources: Sequence[Dataset], context: EvidenceContext
) -> list[Dataset]:
    """Mark the images with positive findings as "Of Interest".

    Parameters
    ----------
    prediction
        What the model says about the study.
    sources
        Headers of the images that were analysed or refused, all of one study.
    context
        Who makes the object and when.

    Returns
    -------
    list[Dataset]
        One document for the study, or none where no image has a positive finding.

    Raises
    ------
    EvidenceError
        The sources are none or of several studies, have invalid UIDs, or lack an image of the
        prediction.
    """
    by_uid = sources_by_uid(prediction, sources)
    positive = [image for image in prediction.images if image.positive]
    if not positive:
        return []
    selected = list(dict.fromkeys(image.sop_instance_uid for image in positive))
    kind = EvidenceKind.KO
    document = _document(
        sources[0],
        prediction.model,
        context,
        kind=kind,
        uid=document_uid(uid_of(sources[0], "StudyInstanceUID"), prediction, tuple(by_uid), kind),
    )
    root = selection_root(codes.OF_INTEREST, observation_context(prediction.model))
    root.ContentSequence.append(description(_summary(positive, prediction.model)))
    root.ContentSequence.extend(
        reference(
            by_uid[image.sop_instance_uid],
            codes.SOURCE,
            Relationship.CONTAINS,
            image.frame_number,
        )
        for image in positive
    )
    finish_selection(document, root, [by_uid[uid] for uid in selected])
    return [document]


def build_rejection(
    rejected: Sequence[Dataset],
    model: ModelIdentity,
    context: EvidenceContext,
    *,
    reason: Code = codes.OTHER_FAILURE,
    comment: str = "",
    rejected_by: str | None = None,
    number: int = 1,
) -> Dataset:
    """Mark objects as "Rejected for Quality Reasons", so that archives and viewers hide them.

    Parameters
    ----------
    rejected
        Headers of the objects to disregard, all of one study; the first gives the patient and
        study modules.
    model
        The model whose results are rejected.
    context
        Who makes the object and when.
    reason
        A code of CID 7011.
    comment
        What the expert says about it.
    rejected_by
        The expert as a DICOM person name; without one, the model is the observer.
    number
        Which rejection of these objects it is, where earlier ones were taken back.

    Raises
    ------
    EvidenceError
        Nothing is rejected, the objects are of several studies, or have invalid UIDs.
    """
    if not rejected:
        raise EvidenceError("no object was given: there is nothing to reject")
    for instance in rejected:
        check_identity(instance)
    study = uid_of(rejected[0], "StudyInstanceUID")
    if any(uid_of(instance, "StudyInstanceUID") != study for instance in rejected):
        raise EvidenceError("the objects are of several studies: reject them study by study")
    by_uid = {uid_of(instance, "SOPInstanceUID"): instance for instance in rejected}
    kind = EvidenceKind.REJECTION
    again = (str(number),) if number > 1 else ()
    uid = derived_uid("instance", study, kind, reason.value, comment, *again, *sorted(by_uid))
    document = _document(rejected[0], model, context, kind=kind, uid=uid, number=number)
    root = selection_root(
        codes.REJECTED_FOR_QUALITY, _observer(model, rejected_by), modifier=reason
    )
    if comment:
        root.ContentSequence.append(description(comment))
    root.ContentSequence.extend(
        reference(instance, codes.SOURCE, Relationship.CONTAINS) for instance in by_uid.values()
    )
    finish_selection(document, root, list(by_uid.values()))
    return document


def _document(
    source: Dataset,
    model: ModelIdentity,
    context: EvidenceContext,
    *,
    kind: EvidenceKind,
    uid: str,
    number: int = 1,
) -> Dataset:
    return new_instance(
        sop_class_uid=KeyObjectSelectionDocumentStorage,
        sop_instance_uid=uid,
        instance_number=number,
        kind=kind,
        model=model,
        attributes=SourceAttributes(source),
        context=context,
    )


def selection_root(
    title: Code, observer: ObservationContext, *, modifier: Code | None = None
) -> ContainerContentItem:
    """TID 2010, rows 1 to 6: title, modifier (a reason, for a rejection), language and observer."""
    root = ContainerContentItem(name=CodedConcept.from_code(title), template_id="2010")
    content = ContentSequence()
    if modifier is not None:
        content.append(
            CodeContentItem(
                name=CodedConcept.from_code(codes.DOCUMENT_TITLE_MODIFIER),
                value=CodedConcept.from_code(modifier),
                relationship_type=Relationship.HAS_CONCEPT_MOD,
            )
        )
    content.extend(LanguageOfContentItemAndDescendants(CodedConcept.from_code(codes.ENGLISH_US)))
    content.extend(observer)
    root.ContentSequence = content
    return root


def _observer(model: ModelIdentity, name: str | None) -> ObservationContext:
    if name is None:
        return observation_context(model)
    return ObservationContext(
        observer_person_context=ObserverContext(
            observer_type=CodedConcept.from_code(codes.PERSON),
            observer_identifying_attributes=PersonObserverIdentifyingAttributes(name=name),
        )
    )


def description(words: str) -> TextContentItem:
    """TID 2010, row 7: why the objects were selected."""
    return TextContentItem(
        name=CodedConcept.from_code(codes.KEY_OBJECT_DESCRIPTION),
        value=words,
        relationship_type=Relationship.CONTAINS,
    )


def _summary(images: Sequence[ImagePrediction], model: ModelIdentity) -> str:
    """Say why the images are marked: each finding once, with its highest probability."""
    rising = sorted(
        (finding for image in images for finding in image.positive),
        key=lambda finding: finding.probability,
    )
    highest = {finding.label: finding for finding in rising}
    words = "; ".join(
        f"{finding.title}, probability {percent(finding.probability, finding.threshold)}"
        for finding in sorted(highest.values(), key=lambda finding: -finding.probability)
    )
    return f"AI findings, not verified: {words}" + (f". {WARNING}" if model.research_only else "")


def finish_selection(
    document: Dataset, root: ContainerContentItem, instances: Sequence[Dataset]
) -> None:
    """Key Object Document modules (PS3.3 C.17.6.1, C.17.6.2), and the content tree (C.17.3)."""
    document.ReferencedPerformedProcedureStepSequence = []
    document.CurrentRequestedProcedureEvidenceSequence = hierarchical_references(instances)
    for element in root:
        document[element.tag] = element
    keep_apart(document)
    declare(document, SourceAttributes(instances[0]).character_set)
