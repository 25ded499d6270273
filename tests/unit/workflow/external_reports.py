"""Content items as workstations write them, for reports on results of the node."""

from collections.abc import Sequence

from pydicom import Dataset
from pydicom.sr.coding import Code

from sr_templates import codes
from sr_templates.report_reading import FINDING

IMAGE = "1.2.3.1"


def coded(item: Code) -> list[Dataset]:
    return [codes.code_item(item)]


def content(value_type: str, name: Code, *children: Dataset, **values: object) -> Dataset:
    item = Dataset()
    item.ValueType = value_type
    item.RelationshipType = "CONTAINS"
    item.ConceptNameCodeSequence = coded(name)
    if children:
        item.ContentSequence = list(children)
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def answer(name: Code, value: Code, *children: Dataset) -> Dataset:
    return content("CODE", name, *children, ConceptCodeSequence=coded(value))


def image(uid: str = IMAGE, frames: int | Sequence[int] | None = None) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.1.1"
    reference.ReferencedSOPInstanceUID = uid
    if frames is not None:
        reference.ReferencedFrameNumber = frames
    return content("IMAGE", codes.SOURCE, ReferencedSOPSequence=[reference])


def outline(*points: float, on: Dataset | None = None) -> Dataset:
    return content(
        "SCOORD",
        codes.IMAGE_REGION,
        on or image(),
        GraphicType="POLYLINE",
        GraphicData=list(points) or [1.0, 2.0, 3.0, 4.0],
    )


def section(name: Code, *children: Dataset) -> Dataset:
    return content("CONTAINER", name, *children)


def group(finding: Code, *children: Dataset) -> Dataset:
    return section(codes.MEASUREMENT_GROUP, answer(FINDING, finding), *children)
