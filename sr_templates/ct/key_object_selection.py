"""Key Object Selection (PS3.3 A.35.4, TID 2010) of a CT's slices with inhomogeneity."""

from collections.abc import Sequence

from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.uid import KeyObjectSelectionDocumentStorage

from ai_engine.ct.prediction import CtPrediction
from sr_templates import codes
from sr_templates.algorithm_identification import observation_context
from sr_templates.context import EvidenceContext
from sr_templates.ct.evaluations import figures_in_words
from sr_templates.ct.subject import ct_subject
from sr_templates.ct.volumetric_roi import title
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.key_object_selection import description, finish_selection, selection_root
from sr_templates.overlay import WARNING
from sr_templates.source_reference import reference


def build_key_slice_selection(
    prediction: CtPrediction, sources: Sequence[Dataset], context: EvidenceContext
) -> list[Dataset]:
    """Mark the key slices as "Of Interest".

    Parameters
    ----------
    prediction
        The measurements of one series.
    sources
        Headers of the study's images.
    context
        Who makes the object and when.

    Returns
    -------
    list[Dataset]
        One document, or none where there is no inhomogeneity.

    Raises
    ------
    EvidenceError
        The sources are none or of several studies, have invalid UIDs, or lack an image of the
        prediction.
    """
    if not prediction.is_positive:
        return []
    subject = ct_subject(prediction, sources)
    analysis = subject.analysis
    document = subject.new_object(EvidenceKind.KO, KeyObjectSelectionDocumentStorage, context)
    root = selection_root(codes.OF_INTEREST, observation_context(prediction.model))
    patterns = ", ".join(title(each) for each, _ in analysis.inhomogeneity)
    words = f"AI measurements, not verified: {patterns}. {figures_in_words(analysis.measurements)}"
    research = f". {WARNING}" if prediction.model.research_only else ""
    root.ContentSequence.append(description(f"{words}{research}"))
    chosen = [key.reference for key in analysis.key_slices]
    root.ContentSequence.extend(
        reference(
            subject.sources[each.sop_instance_uid],
            codes.SOURCE,
            Relationship.CONTAINS,
            each.frame_number,
        )
        for each in chosen
    )
    uids = dict.fromkeys(each.sop_instance_uid for each in chosen)
    finish_selection(document, root, [subject.sources[uid] for uid in uids])
    return [document]
