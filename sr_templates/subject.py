"""What a layer is about: one analysed image or frame, and the object that is made of it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pydicom.dataset import Dataset

from ai_engine.prediction import Finding, ImagePrediction, Prediction
from sr_templates import codes
from sr_templates.context import EvidenceContext
from sr_templates.errors import EvidenceError
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.frame import header_of_frame
from sr_templates.instance import new_instance
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import (
    check_identity,
    frame_reference,
    named_instances,
    sop_reference,
    uid_of,
)
from sr_templates.uids import image_uid


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Subject:
    """One image or frame with the model's verdicts on it, and one finding where it is about that.

    Parameters
    ----------
    source
        The image's header; of a multi-frame image with what it says of this frame.
    number
        Where it stands in the prediction, from 1: the Instance Number of what is made of it.
    """

    prediction: Prediction
    source: Dataset
    attributes: SourceAttributes
    image: ImagePrediction
    number: int
    finding: Finding | None = None

    def new_object(
        self, kind: EvidenceKind, sop_class_uid: str, context: EvidenceContext
    ) -> Dataset:
        """Make the object of one kind about this subject: Patient to SOP Common, no content."""
        return new_instance(
            sop_class_uid=sop_class_uid,
            sop_instance_uid=image_uid(
                uid_of(self.source, "StudyInstanceUID"),
                self.prediction,
                self.image,
                self.finding,
                kind,
            ),
            instance_number=self.number,
            kind=kind,
            model=self.prediction.model,
            attributes=self.attributes,
            context=context,
        )

    def reference(self) -> Dataset:
        """Image SOP Instance Reference macro (PS3.3 10.3): the source, and its frame if it has."""
        item = sop_reference(self.source)
        if (frame := frame_reference(self.source, self.image.frame_number)) is not None:
            item.ReferencedFrameNumber = frame
        return item

    def source_reference(self) -> Dataset:
        """Reference the image with its purpose: the source of an image processing operation."""
        item = self.reference()
        item.PurposeOfReferenceCodeSequence = [codes.code_item(codes.SOURCE_IMAGE)]
        return item


def image_subjects(
    prediction: Prediction, source: Dataset, frame_number: int | None = None
) -> Iterator[Subject]:
    """Give a subject for the source, or for each of its frames that was analysed.

    Raises
    ------
    EvidenceError
        The prediction does not speak of this image, or the image's UIDs are not valid.
    """
    uid = _checked(prediction, source)
    for number, image in enumerate(prediction.images, start=1):
        if image.sop_instance_uid == uid and frame_number in (None, image.frame_number):
            header = header_of_frame(source, image.frame_number)
            yield Subject(
                prediction=prediction,
                source=header,
                attributes=SourceAttributes(header),
                image=image,
                number=number,
            )


def finding_subjects(
    prediction: Prediction, source: Dataset, frame_number: int | None = None
) -> Iterator[Subject]:
    """Give a subject for each positive finding, most probable first; one without where none is.

    They are numbered through the whole prediction, so that no two objects share a number.

    Raises
    ------
    EvidenceError
        The prediction does not speak of this image, or the image's UIDs are not valid.
    """
    before = 0
    first = {}
    for number, image in enumerate(prediction.images, start=1):
        first[number] = before + 1
        before += max(1, len(image.positive))
    for subject in image_subjects(prediction, source, frame_number):
        findings: tuple[Finding | None, ...] = subject.image.positive or (None,)
        for number, finding in enumerate(findings, start=first[subject.number]):
            yield replace(subject, number=number, finding=finding)


def _checked(prediction: Prediction, source: Dataset) -> str:
    check_identity(source)
    uid = uid_of(source, "SOPInstanceUID")
    if uid not in named_instances(prediction):
        raise EvidenceError("the prediction does not speak of this image: nothing to draw")
    return uid
