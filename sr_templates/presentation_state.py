"""Grayscale Softcopy Presentation State (PS3.3 A.33.1): outlines and words over the image itself.

The image stays as it is. A viewer draws the state's one layer over it, and can take it away.
"""

from fractions import Fraction
from types import MappingProxyType

from pydicom.dataset import Dataset
from pydicom.uid import GrayscaleSoftcopyPresentationStateStorage

from ai_engine.prediction import Prediction
from sr_templates.annotations import LAYER, graphic_annotation, graphic_layer
from sr_templates.body_part import add_body_part
from sr_templates.character_set import declare
from sr_templates.context import EvidenceContext
from sr_templates.errors import EvidenceError
from sr_templates.evidence_kind import EvidenceKind
from sr_templates.grayscale import add_grayscale
from sr_templates.notices import notices
from sr_templates.repair import long_string
from sr_templates.secondary_capture import pixel_aspect
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import is_image, rows_and_columns, uid_of
from sr_templates.subject import Subject, image_subjects
from sr_templates.tracked_regions import tracked_regions

# What each Shutter Shape (0018,1600) needs (PS3.3 Table C.7-17).
SHUTTERS = MappingProxyType(
    {
        "RECTANGULAR": (
            "ShutterLeftVerticalEdge",
            "ShutterRightVerticalEdge",
            "ShutterUpperHorizontalEdge",
            "ShutterLowerHorizontalEdge",
        ),
        "CIRCULAR": ("CenterOfCircularShutter", "RadiusOfCircularShutter"),
        "POLYGONAL": ("VerticesOfThePolygonalShutter",),
    }
)


def build_presentation_state(
    prediction: Prediction,
    source: Dataset,
    context: EvidenceContext,
    *,
    frame_number: int | None = None,
    value_range: tuple[float, float] | None = None,
) -> list[Dataset]:
    """Annotate one image with its positive findings: the report's outlines, and what they are.

    Parameters
    ----------
    prediction
        What the model says about the study; the image is found in it by its SOP Instance UID.
    source
        The image's header; pixels are not needed.
    context
        Who makes the object and when.
    frame_number
        Which frame, where the prediction speaks of several frames of one instance; all if None.
    value_range
        The values to show as black and white (the other way round for MONOCHROME1), after the
        Modality LUT. Needed only for an image of more than 8 bits that states no window.

    Returns
    -------
    list[Dataset]
        One state for each analysed image or frame with a positive finding, localised or not.

    Raises
    ------
    EvidenceError
        The prediction does not speak of this image, its UIDs are not valid, it is not grey, or
        nothing says which of its values are black and white.
    """
    return [
        _state(subject, context, value_range)
        for subject in image_subjects(prediction, source, frame_number)
        if subject.image.positive
    ]


def _state(
    subject: Subject, context: EvidenceContext, value_range: tuple[float, float] | None
) -> Dataset:
    if not is_image(subject.source):
        raise EvidenceError("the source has no pixel matrix: there is nothing to draw on")
    state = subject.new_object(EvidenceKind.PR, GrayscaleSoftcopyPresentationStateStorage, context)
    add_body_part(state, subject.attributes)
    _add_identification(state)
    _add_relationship(state, subject)
    _add_displayed_area(state, subject)
    _add_shutter(state, subject.attributes)
    _add_annotation(state, subject)
    add_grayscale(state, subject.source, subject.attributes, value_range)
    declare(state, subject.attributes.character_set)
    return state


def _add_identification(state: Dataset) -> None:
    """Presentation State Identification module (PS3.3 C.11.10)."""
    state.PresentationCreationDate = state.ContentDate
    state.PresentationCreationTime = state.ContentTime
    del state.ContentDate, state.ContentTime
    state.ContentLabel = "AI_FINDINGS"
    state.ContentDescription = long_string("AI findings, not verified")
    state.ContentCreatorName = None


def _add_relationship(state: Dataset, subject: Subject) -> None:
    """Presentation State Relationship module (PS3.3 C.11.11): the one image it is for."""
    series = Dataset()
    series.SeriesInstanceUID = uid_of(subject.source, "SeriesInstanceUID")
    series.ReferencedImageSequence = [subject.reference()]
    state.ReferencedSeriesSequence = [series]


def _add_displayed_area(state: Dataset, subject: Subject) -> None:
    """Displayed Area module (PS3.3 C.10.4): all of the image, neither turned nor flipped."""
    rows, columns = rows_and_columns(subject.source)
    area = Dataset()
    area.DisplayedAreaTopLeftHandCorner = [1, 1]
    area.DisplayedAreaBottomRightHandCorner = [columns, rows]
    area.PresentationSizeMode = "SCALE TO FIT"
    aspect = Fraction(pixel_aspect(subject.attributes)).limit_denominator(1000)
    area.PresentationPixelAspectRatio = [aspect.numerator, aspect.denominator]
    state.DisplayedAreaSelectionSequence = [area]


def _add_shutter(state: Dataset, attributes: SourceAttributes) -> None:
    """Display Shutter module (PS3.3 C.7.6.11): a viewer takes that, too, from the state alone.

    A shape that lacks one of its attributes is left out; without any shape there is no shutter.
    """
    shapes = [
        shape
        for shape in attributes.values("ShutterShape")
        if shape in SHUTTERS and all(attributes.values(keyword) for keyword in SHUTTERS[shape])
    ]
    if not shapes:
        return
    state.ShutterShape = shapes
    for keyword in (keyword for shape in shapes for keyword in SHUTTERS[shape]):
        setattr(state, keyword, attributes.values(keyword))
    # Type 1 here: what is outside is black unless the image says otherwise.
    outside = attributes.values("ShutterPresentationValue") or ["0"]
    state.ShutterPresentationValue = int(outside[0])


def _add_annotation(state: Dataset, subject: Subject) -> None:
    """Graphic Annotation and Graphic Layer modules (PS3.3 C.10.5, C.10.7)."""
    regions = tracked_regions(subject)
    state.GraphicAnnotationSequence = [
        graphic_annotation(
            subject.image,
            regions,
            subject.prediction.model,
            shape=rows_and_columns(subject.source),
            notices=notices(subject.prediction.remarks, subject.image.sop_instance_uid),
        )
    ]
    state.GraphicLayerSequence = [graphic_layer(LAYER)]
