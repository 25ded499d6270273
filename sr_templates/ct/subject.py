"""What evidence of a CT study starts from: its result, its sources' headers, and its objects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.uid import SegmentationStorage

from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.results import CtAnalysis, Pattern, Side
from ai_engine.ct.slices import SliceReference
from sr_templates.context import EvidenceContext
from sr_templates.errors import EvidenceError
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.frame import header_of_frame
from sr_templates.instance import new_instance
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import check_identity, frame_reference, sop_reference, uid_of
from sr_templates.uids import derived_uid, model_parts, series_uid

LUNG_SIDES = (Side.RIGHT, Side.LEFT)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CtSubject:
    """One CT study with what the model says about it.

    ``sources`` are the headers by SOP Instance UID; ``attributes`` are of the first analysed slice,
    or of the first source where nothing was analysed.
    """

    prediction: CtPrediction
    sources: Mapping[str, Dataset]
    attributes: SourceAttributes
    first: Dataset

    @property
    def analysis(self) -> CtAnalysis:
        """The analysis.

        Raises
        ------
        EvidenceError
            Nothing was analysed.
        """
        if self.prediction.analysis is None:
            raise EvidenceError("no series was analysed: there is nothing to show")
        return self.prediction.analysis

    @property
    def slices(self) -> tuple[Dataset, ...]:
        """The headers of the analysed slices, from head to feet; a multi-frame object once."""
        uids = dict.fromkeys(each.sop_instance_uid for each in self.analysis.geometry.references)
        return tuple(self.sources[uid] for uid in uids)

    @property
    def segments(self) -> tuple[Side | Pattern, ...]:
        """What the segmentation has segments of, in their order: lungs, then patterns."""
        return (
            *LUNG_SIDES,
            *(pattern for pattern, _ in self.analysis.inhomogeneity),
        )

    def new_object(
        self,
        kind: EvidenceKind,
        sop_class_uid: str,
        context: EvidenceContext,
        *,
        number: int = 1,
        parts: Sequence[str] = (),
    ) -> Dataset:
        """Make an object about this study: Patient to SOP Common, without content.

        ``parts`` tell it from others of its kind.
        """
        return new_instance(
            sop_class_uid=sop_class_uid,
            sop_instance_uid=self.uid_of(kind, *parts),
            instance_number=number,
            kind=kind,
            model=self.prediction.model,
            attributes=self.attributes,
            context=context,
        )

    def uid_of(self, kind: EvidenceKind, *parts: str) -> str:
        """The SOP Instance UID of an object about this study, whether it has been made or not."""
        return derived_uid(
            "instance",
            uid_of(self.first, "StudyInstanceUID"),
            *model_parts(self.prediction.model),
            kind,
            *self.prediction.parameters,
            *parts,
            "inputs",
            *sorted(self.sources),
        )

    def tracking_uid(self, what: Side | Pattern) -> str:
        """Tracking UID of a lung or a pattern, the same in report and segmentation."""
        return derived_uid(
            "tracking",
            uid_of(self.first, "StudyInstanceUID"),
            *model_parts(self.prediction.model),
            uid_of(self.slices[0], "SeriesInstanceUID"),
            what.value,
        )

    def segmentation(self) -> Dataset:
        """Reference the study's segmentation in its series, as `hierarchical_references` takes it.

        It is known before it is made, because its UID derives from what it is made of.
        """
        reference = Dataset()
        reference.StudyInstanceUID = uid_of(self.first, "StudyInstanceUID")
        reference.SeriesInstanceUID = self.series_of(EvidenceKind.SEG)
        reference.SOPClassUID = SegmentationStorage
        reference.SOPInstanceUID = self.uid_of(EvidenceKind.SEG)
        return reference

    def series_of(self, kind: EvidenceKind) -> str:
        """The Series Instance UID of one kind of evidence."""
        return series_uid(uid_of(self.first, "StudyInstanceUID"), self.prediction.model, kind)

    def reference(self, slice_reference: SliceReference) -> Dataset:
        """Image SOP Instance Reference macro (PS3.3 10.3) of one slice."""
        source = self.sources[slice_reference.sop_instance_uid]
        item = sop_reference(source)
        if (frame := frame_reference(source, slice_reference.frame_number)) is not None:
            item.ReferencedFrameNumber = frame
        return item


def ct_subject(prediction: CtPrediction, sources: Sequence[Dataset]) -> CtSubject:
    """Put a result and its sources together.

    Raises
    ------
    EvidenceError
        The sources are none or of several studies, have invalid UIDs, or lack an image of the
        prediction.
    """
    if not sources:
        raise EvidenceError("no source image was given: a result needs a study to belong to")
    for source in sources:
        check_identity(source)
    if len({uid_of(source, "StudyInstanceUID") for source in sources}) > 1:
        raise EvidenceError("the sources are of several studies: build one result for each")
    by_uid = {uid_of(source, "SOPInstanceUID"): source for source in sources}
    missing = (prediction.analysed | prediction.refused) - by_uid.keys()
    if missing:
        raise EvidenceError(f"{len(missing)} instances of the prediction are not in the sources")
    first = sources[0]
    if prediction.analysis is not None:
        first = by_uid[prediction.analysis.geometry.references[0].sop_instance_uid]
    return CtSubject(
        prediction=prediction,
        sources=by_uid,
        attributes=SourceAttributes(header_of_frame(first, None)),
        first=first,
    )
