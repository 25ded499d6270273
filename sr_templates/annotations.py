"""Graphic Annotation items (PS3.3 C.10.5): outlines, their labels, a summary and the warning."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from ai_engine.prediction import ImagePrediction, ModelIdentity
from sr_templates.overlay import WARNING
from sr_templates.percent import percent
from sr_templates.tracked_regions import TrackedRegion

LAYER = "AI FINDINGS"
# Recommended Display CIELab Value (0062,000D) of the layer: a yellow that shows on bone and lung.
COLOR = (58000, 32896, 50000)
# A label's size as shares of the image, for viewers that fit words into their box.
LABEL_WIDTH = 0.44
LABEL_HEIGHT = 0.035
# Where summary and warning stand, as shares of the displayed area: left, top, right, bottom.
SUMMARY = (0.02, 0.02, 0.98, 0.16)
WARNING_PLACE = (0.02, 0.94, 0.98, 0.98)


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where words stand, in the image's pixels or in shares of the displayed area."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "Box") -> bool:
        """Whether two boxes cover each other in part."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom


def graphic_layer(name: str) -> Dataset:
    """Item of Graphic Layer Sequence (PS3.3 C.10.7)."""
    item = Dataset()
    item.GraphicLayer = name
    item.GraphicLayerOrder = 1
    item.GraphicLayerRecommendedDisplayGrayscaleValue = 0xFFFF
    item.GraphicLayerRecommendedDisplayCIELabValue = list(COLOR)
    item.GraphicLayerDescription = "AI findings, not verified"
    return item


def graphic_annotation(
    image: ImagePrediction,
    regions: Sequence[TrackedRegion],
    model: ModelIdentity,
    *,
    shape: tuple[int, int],
    notices: Sequence[str] = (),
) -> Dataset:
    """Annotate an image, ``shape`` rows by columns, with its positive findings.

    ``notices`` are what puts them in doubt; they stand with the summary.
    """
    item = Dataset()
    item.GraphicLayer = LAYER
    places = label_places(regions, shape)
    item.TextObjectSequence = [
        _text(_summary(image, notices), Box(**_box(SUMMARY)), "DISPLAY"),
        *(
            _text(label(region), place, "PIXEL")
            for region, place in zip(regions, places, strict=True)
        ),
    ]
    if model.research_only:
        item.TextObjectSequence.append(_text(WARNING, Box(**_box(WARNING_PLACE)), "DISPLAY"))
    if regions:
        item.GraphicObjectSequence = [_polyline(region) for region in regions]
    return item


def label(region: TrackedRegion) -> str:
    """Name a finding and its place's probability, short enough to stand beside an outline."""
    return f"{region.finding.title} {percent(region.probability, region.finding.threshold)}"


def label_places(regions: Sequence[TrackedRegion], shape: tuple[int, int]) -> list[Box]:
    """Put each label above its outline, or below it where there is no room, clear of the others."""
    rows, columns = shape
    width, height = LABEL_WIDTH * columns, LABEL_HEIGHT * rows
    placed: list[Box] = []
    for region in regions:
        left = float(min(max(region.points[:, 0].min(), 0), columns - width))
        above = region.points[:, 1].min() - height
        below = region.points[:, 1].max()
        tops = [above - step * height for step in range(len(regions))]
        tops += [below + step * height for step in range(len(regions))]
        boxes = [Box(left=left, top=top, right=left + width, bottom=top + height) for top in tops]
        free = [
            box
            for box in boxes
            if box.top >= 0 and box.bottom <= rows and not any(map(box.meets, placed))
        ]
        placed.append(free[0] if free else _inside(boxes[0], rows))
    return placed


def _inside(box: Box, rows: int) -> Box:
    shift = max(0.0, -box.top) - max(0.0, box.bottom - rows)
    return Box(left=box.left, top=box.top + shift, right=box.right, bottom=box.bottom + shift)


def _box(place: tuple[float, float, float, float]) -> dict[str, float]:
    return dict(zip(("left", "top", "right", "bottom"), place, strict=True))


def _summary(image: ImagePrediction, notices: Sequence[str]) -> str:
    lines = [
        f"{finding.title}: probability {percent(finding.probability, finding.threshold)}"
        f" (threshold {percent(finding.threshold, finding.probability)})"
        for finding in image.positive
    ]
    return "\r\n".join(["AI findings, not verified", *lines, *notices])


def _text(words: str, place: Box, units: str) -> Dataset:
    item = Dataset()
    item.BoundingBoxAnnotationUnits = units
    item.UnformattedTextValue = words
    item.BoundingBoxTopLeftHandCorner = [float(place.left), float(place.top)]
    item.BoundingBoxBottomRightHandCorner = [float(place.right), float(place.bottom)]
    item.BoundingBoxTextHorizontalJustification = "LEFT"
    return item


def _polyline(region: TrackedRegion) -> Dataset:
    """Item of Graphic Object Sequence: coordinates as in the report, corner to corner of pixels."""
    item = Dataset()
    item.GraphicAnnotationUnits = "PIXEL"
    item.GraphicDimensions = 2
    item.NumberOfGraphicPoints = len(region.points)
    item.GraphicData = [float(value) for value in region.points.ravel()]
    item.GraphicType = "POLYLINE"
    item.GraphicFilled = "N"
    item.TrackingID = region.identifier
    item.TrackingUID = region.uid
    return item
