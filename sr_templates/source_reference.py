"""References to source images in the tree of a report (PS3.3 C.17.3)."""

from highdicom.sr import CodedConcept, CompositeContentItem, ImageContentItem
from highdicom.sr import RelationshipTypeValues as Relationship
from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from sr_templates.source_image import frame_reference, is_image, uid_of


def reference(
    source: Dataset,
    name: Code,
    relationship: Relationship,
    frame_number: int | None = None,
) -> ImageContentItem | CompositeContentItem:
    """Reference a source by value: IMAGE, or COMPOSITE for an instance without a pixel matrix."""
    if not is_image(source):
        return CompositeContentItem(
            name=CodedConcept.from_code(name),
            referenced_sop_class_uid=uid_of(source, "SOPClassUID"),
            referenced_sop_instance_uid=uid_of(source, "SOPInstanceUID"),
            relationship_type=relationship,
        )
    return ImageContentItem(
        name=CodedConcept.from_code(name),
        referenced_sop_class_uid=uid_of(source, "SOPClassUID"),
        referenced_sop_instance_uid=uid_of(source, "SOPInstanceUID"),
        referenced_frame_numbers=frame_reference(source, frame_number),
        relationship_type=relationship,
    )
