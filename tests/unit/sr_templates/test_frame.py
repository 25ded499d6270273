"""A multi-frame image's results lie where the very frame lies, and look as it looks."""

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage

from sr_templates.frame import header_of_frame
from sr_templates.parametric_map import build_parametric_map
from sr_templates.presentation_state import build_presentation_state
from sr_templates.secondary_capture import build_overlays
from sr_templates.segmentation import build_segmentation
from sr_templates.source_image import number_of_frames
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import (
    a_context,
    a_finding,
    a_prediction,
    a_source,
    an_image,
    some_pixels,
)


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def an_enhanced_ct(**attributes: object) -> Dataset:
    """Return the header of three slices, 5 mm apart, whose pixels are twice as high as wide."""
    shared = Dataset()
    shared.PixelMeasuresSequence = [_item(PixelSpacing=["1.0", "0.5"], SliceThickness="4")]
    shared.PlaneOrientationSequence = [_item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])]
    shared.FrameVOILUTSequence = [_item(WindowCenter="40", WindowWidth="400")]
    shared.PixelValueTransformationSequence = [
        _item(RescaleIntercept="-1024", RescaleSlope="1", RescaleType="HU")
    ]
    frames = [
        _item(PlanePositionSequence=[_item(ImagePositionPatient=[0, 0, z])]) for z in (0, 5, 10)
    ]
    # A window of its own goes before the one that all share.
    frames[2].FrameVOILUTSequence = [_item(WindowCenter="-600", WindowWidth="1500")]
    values: dict[str, object] = {
        "SOPClassUID": EnhancedCTImageStorage,
        "Modality": "CT",
        "NumberOfFrames": 3,
        "ImagerPixelSpacing": None,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsStored": 12,
        "FrameOfReferenceUID": "1.2.3.9",
        "SharedFunctionalGroupsSequence": [shared],
        "PerFrameFunctionalGroupsSequence": frames,
    }
    return a_source(**{**values, **attributes})


def test_a_single_frame_image_is_its_own_header() -> None:
    source = a_source()
    assert header_of_frame(source, None) is source


def test_a_frame_has_what_is_shared_and_what_is_its_own() -> None:
    header = header_of_frame(an_enhanced_ct(), 3)
    assert list(header.PixelSpacing) == [1.0, 0.5]
    assert list(header.ImagePositionPatient) == [0, 0, 10]
    assert header.WindowCenter == -600
    assert "SharedFunctionalGroupsSequence" not in header
    assert header_of_frame(an_enhanced_ct(), 2).WindowCenter == 40
    assert list(header_of_frame(an_enhanced_ct(), None).ImagePositionPatient) == [0, 0, 0]


def test_a_frame_that_is_not_there_has_only_what_is_shared() -> None:
    header = header_of_frame(an_enhanced_ct(), 7)
    assert list(header.PixelSpacing) == [1.0, 0.5]
    assert "ImagePositionPatient" not in header


def test_every_layer_of_a_frame_lies_in_its_plane_and_refers_to_it() -> None:
    source = an_enhanced_ct()
    prediction = a_prediction(an_image(frame=2), an_image(frame=3))
    for build in (build_segmentation, build_parametric_map):
        first, second = build(prediction, source, a_context())
        for made, z, frame in ((first, 5, 2), (second, 10, 3)):
            (group, *_) = made.PerFrameFunctionalGroupsSequence
            assert list(group.PlanePositionSequence[0].ImagePositionPatient) == [0, 0, z]
            (measures,) = made.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
            assert list(measures.PixelSpacing) == [1.0, 0.5]
            (derivation,) = group.DerivationImageSequence
            assert derivation.SourceImageSequence[0].ReferencedFrameNumber == frame
            assert made.FrameOfReferenceUID == "1.2.3.9"
            assert problems(made, [source]) == ()


def test_a_state_shows_a_frame_by_its_own_window_and_aspect() -> None:
    source = an_enhanced_ct()
    prediction = a_prediction(an_image(frame=2), an_image(frame=3))
    states = build_presentation_state(prediction, source, a_context())
    windows = [state.SoftcopyVOILUTSequence[0].WindowCenter for state in states]
    assert windows == [40, -600]
    for state, frame in zip(states, (2, 3), strict=True):
        (area,) = state.DisplayedAreaSelectionSequence
        assert list(area.PresentationPixelAspectRatio) == [2, 1]
        (image,) = state.ReferencedSeriesSequence[0].ReferencedImageSequence
        assert image.ReferencedFrameNumber == frame
        assert state.RescaleIntercept == -1024
        assert problems(state, [source]) == ()


def test_an_overlay_of_a_frame_has_square_pixels() -> None:
    source = an_enhanced_ct(Rows=100, Columns=400)
    prediction = a_prediction(an_image(a_finding(heat_map=None), frame=2))
    pixels = some_pixels(100, 400)
    (drawn,) = build_overlays(prediction, source, pixels, a_context(), frame_number=2)
    (measures,) = source.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence
    measures.PixelSpacing = ["0.5", "0.5"]
    (flatter,) = build_overlays(prediction, source, pixels, a_context(), frame_number=2)
    # 100 rows of twice the height, shown as wide as 400 columns are.
    assert drawn.Rows - flatter.Rows == flatter.Columns / 4
    assert problems(drawn, [source]) == ()


@pytest.mark.parametrize("frames", ["\u00b2", "9" * 5000, "two"])
def test_a_number_of_frames_that_is_none_counts_as_one(frames: str) -> None:
    source = Dataset()
    source.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7.2"
    source.add(DataElement(0x00280008, "LO", frames))
    assert number_of_frames(source) == 1
