"""Slices become a volume in anatomical order, in Hounsfield units."""

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import LegacyConvertedEnhancedCTImageStorage

from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.testing import ct_datasets, phantom
from ai_engine.ct.volume import CtVolume, read_volume
from tests.unit.ai_engine_ct.enhanced import enhanced


@pytest.fixture(scope="module")
def original() -> CtVolume:
    return phantom(shape=(24, 32, 44), spacing=(6.0, 8.0, 8.0))


def test_order_of_arrival_and_instance_numbers_do_not_matter(original: CtVolume) -> None:
    slices = ct_datasets(original)
    slices = slices[1::2] + slices[22::-2]
    for number, entry in enumerate(slices, start=1):
        entry.InstanceNumber = number
    volume = read_volume(slices)
    assert np.array_equal(volume.hounsfield, original.hounsfield)
    assert volume.geometry == original.geometry
    assert volume.sop_instance_uids == original.sop_instance_uids


def test_slices_run_from_head_to_feet(original: CtVolume) -> None:
    heights = [place[2] for place in read_volume(ct_datasets(original)).geometry.positions]
    assert heights == sorted(heights, reverse=True)


def test_rescale_is_applied_whatever_its_slope(original: CtVolume) -> None:
    slices = ct_datasets(original)
    for entry in slices:
        halved = np.frombuffer(entry.PixelData, np.uint16) // 2
        entry.PixelData = halved.astype(np.uint16).tobytes()
        entry.RescaleSlope = 2
    difference = read_volume(slices).hounsfield.astype(int) - original.hounsfield
    assert np.abs(difference).max() <= 1


def test_padding_outside_the_scanner_is_clipped_to_air(original: CtVolume) -> None:
    slices = ct_datasets(original)
    for entry in slices:
        entry.RescaleIntercept = -3000
    assert read_volume(slices).hounsfield.min() == -1024


@pytest.mark.parametrize(("vr", "stated"), [("US", 63536), ("SS", -2000)])
def test_padding_beyond_the_scale_is_no_metal(original: CtVolume, vr: str, stated: int) -> None:
    """Of -2000 in words that are read without a sign."""
    slices = ct_datasets(original)
    for entry in slices:
        words = np.frombuffer(entry.PixelData, np.uint16).reshape(32, 44).copy()
        words[0], words[1, 0] = 63536, 60000
        entry.PixelData = words.tobytes()
        entry.add_new("PixelPaddingValue", vr, stated)
    values = read_volume(slices).hounsfield
    assert (values[:, 0] == -1024).all()
    assert (values[:, 1, 0] == 3071).all()
    assert np.array_equal(values[:, 2:], original.hounsfield[:, 2:])


def test_an_enhanced_object_gives_the_same_volume(original: CtVolume) -> None:
    volume = read_volume([enhanced(ct_datasets(original))])
    assert np.array_equal(volume.hounsfield, original.hounsfield)
    assert volume.geometry.positions == original.geometry.positions
    assert [entry.frame_number for entry in volume.geometry.references] == list(range(24, 0, -1))


@pytest.mark.parametrize("order", ["from the head", "mixed"])
def test_a_legacy_converted_object_is_put_in_order_by_its_frames_positions(
    original: CtVolume, order: str
) -> None:
    slices = ct_datasets(original)
    mixed = slices[1::2] + slices[22::-2]
    whole = enhanced(slices[::-1] if order == "from the head" else mixed)
    whole.SOPClassUID = LegacyConvertedEnhancedCTImageStorage
    volume = read_volume([whole])
    assert np.array_equal(volume.hounsfield, original.hounsfield)
    assert volume.geometry.positions == original.geometry.positions


def test_a_series_in_several_enhanced_objects_is_one_volume(original: CtVolume) -> None:
    slices = ct_datasets(original)
    parts = [enhanced(slices[:10]), enhanced(slices[10:])]
    for number, part in enumerate(parts):
        part.SOPInstanceUID = f"1.2.{number}"
    volume = read_volume(parts)
    assert np.array_equal(volume.hounsfield, original.hounsfield)
    assert volume.sop_instance_uids == ("1.2.0",) * 10 + ("1.2.1",) * 14


def test_frames_with_rescales_of_their_own_are_each_in_hounsfield_units(
    original: CtVolume,
) -> None:
    whole = enhanced(ct_datasets(original))
    for number, frame in enumerate(whole.PerFrameFunctionalGroupsSequence):
        values = Dataset()
        values.RescaleSlope, values.RescaleIntercept, values.RescaleType = 1, -1024 + number, "HU"
        frame.PixelValueTransformationSequence = Sequence([values])
    raised = np.arange(23, -1, -1)[:, None, None]
    expected = np.clip(original.hounsfield + raised, -1024, 3071)
    assert np.array_equal(read_volume([whole]).hounsfield, expected)


def test_two_phases_in_one_enhanced_object_are_refused_by_name(original: CtVolume) -> None:
    slices = ct_datasets(original)
    with pytest.raises(CtRefusedError) as refused:
        read_volume([enhanced([each for each in slices for _ in range(2)])])
    assert refused.value.reason is CtRefusalReason.DUPLICATED_SLICES


def test_an_enhanced_object_whose_frames_say_localizer_is_one(original: CtVolume) -> None:
    whole = enhanced(ct_datasets(original))
    kind = Dataset()
    kind.FrameType = ["ORIGINAL", "PRIMARY", "LOCALIZER", "NONE"]
    whole.SharedFunctionalGroupsSequence[0].CTImageFrameTypeSequence = Sequence([kind])
    with pytest.raises(CtRefusedError) as refused:
        read_volume([whole])
    assert refused.value.reason is CtRefusalReason.LOCALIZER


@pytest.mark.parametrize("rows_along", [(0.0, -1.0, 0.0), (0.0, 1.0, 0.0)])
def test_pixels_that_are_not_square_are_measured_so(rows_along: tuple[float, float, float]) -> None:
    volume = phantom(shape=(24, 32, 80), spacing=(6.0, 8.0, 4.5))
    slices = ct_datasets(volume)
    for entry in slices:
        entry.ImageOrientationPatient = [1, 0, 0, *rows_along]
    read = read_volume(slices)
    assert read.geometry.spacing == (6.0, 8.0, 4.5)
    assert read.geometry.rows_along == rows_along


def test_places_are_patient_coordinates(original: CtVolume) -> None:
    geometry = original.geometry
    x, y, z = geometry.positions[3]
    assert geometry.place(3, 2, 5) == pytest.approx((x + 5 * 8.0, y + 2 * 8.0, z))


def test_a_tilt_and_a_contrast_agent_are_read_where_enhanced_objects_state_them(
    original: CtVolume,
) -> None:
    """In a functional group: as converted objects keep what has no place of its own."""
    whole = enhanced(ct_datasets(original))
    kept = Dataset()
    kept.GantryDetectorTilt, kept.ContrastBolusAgent = "0", "Iohexol"
    shared = whole.SharedFunctionalGroupsSequence[0]
    shared.UnassignedSharedConvertedAttributesSequence = Sequence([kept])
    assert read_volume([whole]).contrast
    kept.GantryDetectorTilt = "15"
    with pytest.raises(CtRefusedError) as refused:
        read_volume([whole])
    assert refused.value.reason is CtRefusalReason.GANTRY_TILT
