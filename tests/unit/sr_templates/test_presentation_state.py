"""Presentation states draw the report's outlines, and show the image as it is meant to be seen."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

from ai_engine.prediction import Prediction
from sr_templates.annotations import label_places
from sr_templates.errors import EvidenceError
from sr_templates.presentation_state import build_presentation_state
from sr_templates.subject import image_subjects
from sr_templates.tracked_regions import tracked_regions
from sr_templates.validation import problems
from tests.peers.process import program
from tests.unit.sr_templates.builders import (
    IMAGE,
    a_context,
    a_finding,
    a_heat_map,
    a_model,
    a_negative,
    a_prediction,
    a_source,
    an_image,
)

GREY: dict[str, Any] = {
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsStored": 12,
    "WindowCenter": ["2048", "1000"],
    "WindowWidth": ["4096", "500"],
}
TWO_AREAS = a_heat_map((0.35, 0.6), (0.7, 0.3))


def states(prediction: Prediction | None = None, **source: Any) -> list[Dataset]:
    return build_presentation_state(
        prediction or a_prediction(), a_source(**{**GREY, **source}), a_context()
    )


def test_the_outlines_are_the_reports_polygons_with_its_tracking_uids() -> None:
    prediction = a_prediction(an_image(a_finding(heat_map=TWO_AREAS)))
    (state,) = states(prediction)
    drawn = state.GraphicAnnotationSequence[0].GraphicObjectSequence
    regions = tracked_regions(next(image_subjects(prediction, a_source())))
    assert [item.TrackingUID for item in drawn] == [region.uid for region in regions]
    for item, region in zip(drawn, regions, strict=True):
        assert np.allclose(np.reshape(item.GraphicData, (-1, 2)), region.points, atol=1e-4)
        assert (item.GraphicType, item.GraphicAnnotationUnits) == ("POLYLINE", "PIXEL")


def test_words_say_finding_probability_threshold_and_the_warning() -> None:
    (state,) = states()
    texts = [t.UnformattedTextValue for t in state.GraphicAnnotationSequence[0].TextObjectSequence]
    assert texts == [
        "AI findings, not verified\r\nPneumonia: probability 87 % (threshold 50 %)",
        "Pneumonia 87 %",
        "DEMONSTRATION - NOT FOR CLINICAL USE",
    ]


def test_a_product_carries_no_warning() -> None:
    (state,) = states(a_prediction(model=a_model(research_only=False)))
    texts = [t.UnformattedTextValue for t in state.GraphicAnnotationSequence[0].TextObjectSequence]
    assert len(texts) == 2


def test_everything_is_on_one_layer_of_its_own() -> None:
    (state,) = states()
    (layer,) = state.GraphicLayerSequence
    assert state.GraphicAnnotationSequence[0].GraphicLayer == layer.GraphicLayer == "AI FINDINGS"


def test_a_finding_without_a_region_is_named_without_an_outline() -> None:
    (state,) = states(a_prediction(an_image(a_finding(heat_map=None))))
    assert "GraphicObjectSequence" not in state.GraphicAnnotationSequence[0]
    assert problems(state, [a_source()]) == ()


def test_a_negative_image_has_no_state() -> None:
    assert states(a_prediction(an_image(a_negative()))) == []


def test_the_whole_image_is_shown_unturned() -> None:
    (state,) = states(ImagerPixelSpacing=["0.4", "0.2"])
    area = state.DisplayedAreaSelectionSequence[0]
    assert list(area.DisplayedAreaTopLeftHandCorner) == [1, 1]
    assert list(area.DisplayedAreaBottomRightHandCorner) == [160, 200]
    assert list(area.PresentationPixelAspectRatio) == [2, 1]
    assert "ImageRotation" not in state


def test_the_state_refers_to_its_one_image() -> None:
    (state,) = states()
    (series,) = state.ReferencedSeriesSequence
    assert series.ReferencedImageSequence[0].ReferencedSOPInstanceUID == IMAGE


@pytest.mark.parametrize(
    ("photometric", "shape"), [("MONOCHROME1", "INVERSE"), ("MONOCHROME2", "IDENTITY")]
)
def test_polarity_follows_the_photometric_interpretation(photometric: str, shape: str) -> None:
    assert states(PhotometricInterpretation=photometric)[0].PresentationLUTShape == shape


def test_the_first_window_is_taken_with_its_function() -> None:
    (state,) = states(VOILUTFunction="SIGMOID")
    item = state.SoftcopyVOILUTSequence[0]
    assert (item.WindowCenter, item.WindowWidth, item.VOILUTFunction) == (2048, 4096, "SIGMOID")


def test_a_rescale_is_said_again_in_full() -> None:
    (state,) = states(RescaleSlope="2", RescaleIntercept="-1024")
    assert (state.RescaleSlope, state.RescaleIntercept, state.RescaleType) == (2, -1024, "US")
    assert "RescaleSlope" not in states()[0]


def test_tables_are_copied_and_go_before_windows() -> None:
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4, 0, 16])
    table.add_new("LUTData", "US", [0, 10, 20, 30])
    (state,) = states(VOILUTSequence=[table], ModalityLUTSequence=[table])
    assert state.SoftcopyVOILUTSequence[0].VOILUTSequence[0].LUTData == [0, 10, 20, 30]
    assert "WindowCenter" not in state.SoftcopyVOILUTSequence[0]
    assert state.ModalityLUTSequence[0].LUTDescriptor == [4, 0, 16]


@pytest.mark.parametrize("width", [None, "0"])
def test_without_a_usable_window_the_range_of_values_is_asked_for(width: str | None) -> None:
    source = a_source(**{**GREY, "WindowWidth": width})
    with pytest.raises(EvidenceError, match="states no window"):
        build_presentation_state(a_prediction(), source, a_context())
    (state,) = build_presentation_state(a_prediction(), source, a_context(), value_range=(10, 409))
    item = state.SoftcopyVOILUTSequence[0]
    assert (item.WindowCenter, item.WindowWidth) == (210, 400)


def test_eight_bits_need_no_window() -> None:
    (state,) = states(BitsStored=8, WindowCenter=None)
    assert "SoftcopyVOILUTSequence" not in state


@pytest.mark.parametrize("photometric", ["RGB", "PALETTE COLOR", None])
def test_a_colour_image_is_refused_with_the_reason(photometric: str | None) -> None:
    with pytest.raises(EvidenceError, match="not a grey one"):
        states(PhotometricInterpretation=photometric)


def test_labels_stay_on_the_image_and_clear_of_each_other() -> None:
    findings = [
        a_finding(label=name, heat_map=a_heat_map((0.5, down)))
        for name, down in (("a", 0.05), ("b", 0.05), ("c", 0.05), ("d", 0.97))
    ]
    image = an_image(*findings)
    prediction = a_prediction(image)
    places = label_places(tracked_regions(next(image_subjects(prediction, a_source()))), (200, 160))
    assert len(places) >= 4
    for index, place in enumerate(places):
        assert place.left >= 0 and place.top >= 0 and place.right <= 160 and place.bottom <= 200
        assert not any(place.meets(other) for other in places[:index])


def test_the_same_prediction_gives_the_same_state_in_its_own_series() -> None:
    (one,), (other,) = states(), states()
    assert one == other
    assert (one.Modality, one.SeriesNumber) == ("PR", 9003)


def an_image_file(folder: Path, photometric: str) -> tuple[Dataset, Path]:
    """Write a grey ramp of 12 bits with a window."""
    source = a_source(
        **{**GREY, "PhotometricInterpretation": photometric, "Modality": "CR"},
        SOPClassUID=ComputedRadiographyImageStorage,
        SamplesPerPixel=1,
        BitsAllocated=16,
        HighBit=11,
        PixelRepresentation=0,
    )
    ramp = np.linspace(0, 4095, 160).astype(np.uint16)
    source.PixelData = np.repeat(ramp[None], 200, axis=0).tobytes()
    source.file_meta = FileMetaDataset()
    source.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    source.save_as(folder / "image.dcm", enforce_file_format=True)
    return source, folder / "image.dcm"


@pytest.mark.parametrize(("photometric", "first"), [("MONOCHROME1", 255), ("MONOCHROME2", 0)])
def test_dcmtk_shows_the_image_under_the_state_as_it_does_without(
    photometric: str, first: int, tmp_path: Path
) -> None:
    source, image = an_image_file(tmp_path, photometric)
    (state,) = build_presentation_state(a_prediction(), source, a_context())
    state.save_as(tmp_path / "state.dcm", enforce_file_format=True)
    shown, plain = tmp_path / "shown.pgm", tmp_path / "plain.pgm"
    dcmp2pgm, dcm2pnm = program("dcmp2pgm", "dcmtk"), program("dcm2pnm", "dcmtk")
    subprocess.run([dcmp2pgm, "-p", tmp_path / "state.dcm", image, shown], check=True)
    subprocess.run([dcm2pnm, "+Wi", "1", image, plain], check=True)
    with Image.open(shown) as with_state, Image.open(plain) as without_state:
        assert np.array_equal(np.asarray(with_state), np.asarray(without_state))
        assert np.asarray(with_state)[0, 0] == first


def other_layer(state: Dataset) -> None:
    state.GraphicAnnotationSequence[0].GraphicLayer = "OTHER"


def open_outline(state: Dataset) -> None:
    item = state.GraphicAnnotationSequence[0].GraphicObjectSequence[0]
    item.GraphicData = [*item.GraphicData[:-2], 0.0, 0.0]


def lose_point(state: Dataset) -> None:
    state.GraphicAnnotationSequence[0].GraphicObjectSequence[0].NumberOfGraphicPoints = 2


def lose_polarity(state: Dataset) -> None:
    del state.PresentationLUTShape


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (other_layer, "an annotation is on a layer that is not described"),
        (open_outline, "an outline is not closed"),
        (lose_point, "an outline has not as many coordinates as points"),
        (lose_polarity, "Presentation LUT Shape (2050,0020) has no value (type 1)"),
    ],
)
def test_a_state_with_a_fault_is_held_with_one_sentence(change: Any, problem: str) -> None:
    (state,) = states()
    change(state)
    assert problem in problems(state)


def test_the_sources_shutter_is_said_again() -> None:
    (state,) = states(
        ShutterShape=["RECTANGULAR", "CIRCULAR"],
        ShutterLeftVerticalEdge="10",
        ShutterRightVerticalEdge="150",
        ShutterUpperHorizontalEdge="5",
        ShutterLowerHorizontalEdge="190",
    )
    # The circle has no centre, so it is no shutter.
    assert state.ShutterShape == "RECTANGULAR"
    assert (state.ShutterLeftVerticalEdge, state.ShutterLowerHorizontalEdge) == (10, 190)
    assert state.ShutterPresentationValue == 0
    assert problems(state, [a_source(**GREY)]) == ()


def test_a_source_without_a_shutter_gets_none() -> None:
    (state,) = states()
    assert not [element for element in state if element.keyword.startswith("Shutter")]
