"""Where a single-frame source lies in the patient, as far as its header says (PS3.3 C.7.6.2)."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from ai_engine.preprocessing.pixel_aspect import is_spacing_of_pixels
from sr_templates.source_attributes import SourceAttributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """An image plane in a frame of reference; values as decimal strings, as the source has them."""

    frame_of_reference_uid: str
    position: tuple[str, ...]
    orientation: tuple[str, ...]
    spacing: tuple[str, ...]
    thickness: str | None

    @classmethod
    def of(cls, attributes: SourceAttributes) -> "Plane | None":
        """Read the plane of a CT or MR image; None for a projection, which lies in none."""
        position = _numbers(attributes, "ImagePositionPatient", 3)
        orientation = _numbers(attributes, "ImageOrientationPatient", 6)
        spacing = _numbers(attributes, "PixelSpacing", 2)
        frame = attributes.values("FrameOfReferenceUID")
        if not (frame and position and orientation and spacing) or min(map(float, spacing)) <= 0:
            return None
        thickness = _numbers(attributes, "SliceThickness", 1)
        return cls(
            frame_of_reference_uid=frame[0],
            position=position,
            orientation=orientation,
            spacing=spacing,
            thickness=thickness[0] if thickness and float(thickness[0]) > 0 else None,
        )


def place(
    dataset: Dataset, attributes: SourceAttributes, shared: Dataset, frames: Sequence[Dataset]
) -> None:
    """Say where the frames lie: in the source's plane, or as its rows and columns run."""
    if (plane := Plane.of(attributes)) is not None:
        _add_plane(dataset, plane, shared, frames)
        return
    if spacing := pixel_spacing(attributes):
        measures = Dataset()
        measures.PixelSpacing = list(spacing)
        # A projection is no slice, but readers (highdicom) ask for a thickness beside the spacing,
        # and validators for one that is not zero.
        measures.SliceThickness = "1"
        shared.PixelMeasuresSequence = [measures]
    orientation = attributes.values("PatientOrientation")
    dataset.PatientOrientation = orientation if len(orientation) == 2 else None


def _add_plane(dataset: Dataset, plane: Plane, shared: Dataset, frames: Sequence[Dataset]) -> None:
    """Frame of Reference module (PS3.3 C.7.4.1) and the functional groups that place the frames.

    Plane Position varies by frame for some readers, so it stands there although all are alike.
    """
    dataset.FrameOfReferenceUID = plane.frame_of_reference_uid
    dataset.PositionReferenceIndicator = None
    measures = Dataset()
    measures.PixelSpacing = list(plane.spacing)
    if plane.thickness is not None:
        measures.SliceThickness = plane.thickness
    shared.PixelMeasuresSequence = [measures]
    orientation = Dataset()
    orientation.ImageOrientationPatient = list(plane.orientation)
    shared.PlaneOrientationSequence = [orientation]
    for frame in frames:
        position = Dataset()
        position.ImagePositionPatient = list(plane.position)
        frame.PlanePositionSequence = [position]


def _numbers(attributes: SourceAttributes, keyword: str, count: int) -> tuple[str, ...]:
    values = tuple(attributes.values(keyword))
    return values if len(values) == count else ()


def pixel_spacing(attributes: SourceAttributes) -> tuple[str, ...]:
    """Distance of rows and of columns in mm as the source states it; () where it does not.

    A projection's is at the detector unless the source was calibrated (PS3.3 10.7.1.3).
    """
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        spacing = _numbers(attributes, keyword, 2)
        if spacing and is_spacing_of_pixels(map(float, spacing)):
            return spacing
    return ()
