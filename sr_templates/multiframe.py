"""What segmentations and parametric maps share: modules of enhanced multi-frame images."""

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.tag import Tag

from sr_templates import codes
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import sop_reference, uid_of
from sr_templates.subject import Subject
from sr_templates.uids import derived_uid


def derivation(subject: Subject, how: Code) -> Dataset:
    """Item of Derivation Image Sequence (PS3.3 C.7.6.16.2.6): from which frame, how, pixel-wise."""
    reference = subject.source_reference()
    reference.SpatialLocationsPreserved = "YES"
    item = Dataset()
    item.DerivationCodeSequence = [codes.code_item(how)]
    item.SourceImageSequence = [reference]
    return item


def add_common_instance_reference(dataset: Dataset, source: Dataset) -> None:
    """Common Instance Reference module (PS3.3 C.12.2): the source, in its series of this study."""
    series = Dataset()
    series.SeriesInstanceUID = uid_of(source, "SeriesInstanceUID")
    series.ReferencedInstanceSequence = [sop_reference(source)]
    dataset.ReferencedSeriesSequence = [series]


def add_frames(dataset: Dataset, shared: Dataset, frames: Sequence[Dataset]) -> None:
    """Multi-frame Functional Groups module (PS3.3 C.7.6.16)."""
    dataset.NumberOfFrames = len(frames)
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = list(frames)


def add_dimension(
    dataset: Dataset, pointer: str, group: str, frames: Sequence[Dataset], label: str
) -> None:
    """Multi-frame Dimension module (PS3.3 C.7.6.17): one dimension, in which frames are in order.

    Parameters
    ----------
    pointer, group
        Keywords of the attribute that differs between frames and of its functional group.
    """
    organization = Dataset()
    organization.DimensionOrganizationUID = derived_uid("dimension", dataset.SOPInstanceUID)
    index = Dataset()
    index.DimensionOrganizationUID = organization.DimensionOrganizationUID
    index.DimensionIndexPointer = Tag(pointer)
    index.FunctionalGroupPointer = Tag(group)
    index.DimensionDescriptionLabel = label
    dataset.DimensionOrganizationSequence = [organization]
    dataset.DimensionIndexSequence = [index]
    for number, frame in enumerate(frames, start=1):
        content = Dataset()
        content.DimensionIndexValues = number
        frame.FrameContentSequence = [content]


def add_lossy_compression(dataset: Dataset, attributes: SourceAttributes) -> None:
    """Lossy Image Compression (0028,2110): once lossy, always lossy (PS3.3 C.7.6.1.1.5)."""
    is_lossy = attributes.is_lossy
    dataset.LossyImageCompression = "01" if is_lossy else "00"
    for keyword in ("LossyImageCompressionRatio", "LossyImageCompressionMethod"):
        if is_lossy and (values := attributes.values(keyword)):
            setattr(dataset, keyword, values)
