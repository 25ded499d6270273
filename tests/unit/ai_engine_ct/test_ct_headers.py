"""The checks of pixels against header stand before CT as well."""

import copy

import numpy as np
import pytest
from pydicom import Dataset

from ai_engine.ct.analysis import analyse_ct
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.slices import read_slices
from ai_engine.ct.testing import ct_datasets, phantom
from ai_engine.ct.volume import CtVolume, read_volume
from tests.unit.ai_engine.odd_images import SYNTAX, jpeg_2000, jpeg_ls_stream, put, stream

Slices = list[Dataset]
ORIGINAL = phantom(shape=(40, 32, 44), spacing=(6.0, 8.0, 8.0))


@pytest.fixture
def slices() -> Slices:
    return copy.deepcopy(ct_datasets(ORIGINAL))


def _values(entry: Dataset) -> np.ndarray:
    return np.frombuffer(entry.PixelData, "<u2").reshape(entry.Rows, entry.Columns)


def _require_same_volume(volume: CtVolume) -> None:
    assert np.array_equal(volume.hounsfield, ORIGINAL.hounsfield)


@pytest.mark.slow
def test_left_aligned_slices_are_shifted_and_the_report_can_say_so(slices: Slices) -> None:
    for entry in slices:
        entry.PixelData = (_values(entry) << 4).astype(np.uint16).tobytes()
        entry.BitsStored, entry.HighBit = 12, 15
    volume = read_volume(slices)
    _require_same_volume(volume)
    assert len(volume.corrections) == 1
    assert "shifted right by 4 bits" in volume.corrections[0]
    assert analyse_ct(slices).corrections == volume.corrections


@pytest.mark.slow
def test_signed_slices_in_jpeg_2000_that_are_stated_unsigned_are_read_as_signed(
    slices: Slices,
) -> None:
    for entry in slices:
        hounsfield = (_values(entry).astype(np.int32) - 1024).astype(np.int16)
        stream(jpeg_2000(hounsfield, 16), SYNTAX["J2K"])(entry)
        entry.RescaleIntercept = 0
    _require_same_volume(read_volume(slices))


def test_decimal_commas_are_read_as_points(slices: Slices) -> None:
    for entry in slices:
        put("RescaleIntercept", "-1024,0 ")(entry)
        put("PixelSpacing", "8,0\\8,0 ")(entry)
    volume = read_volume(slices)
    _require_same_volume(volume)
    assert volume.geometry.spacing[1:] == (8.0, 8.0)


def test_a_tilt_of_no_degrees_with_a_comma_and_a_modality_in_lower_case_are_read(
    slices: Slices,
) -> None:
    for entry in slices:
        put("GantryDetectorTilt", "0,0 ")(entry)
        entry.Modality = "ct"
    _require_same_volume(read_volume(slices))


@pytest.mark.parametrize(
    ("agent", "is_given"),
    [
        *((words, False) for words in ("", "NONE", "No", "N/A", "NO IV CONTRAST", "W/O", "ohne")),
        *((words, True) for words in ("Omnipaque 350", "CE", "IV", "APPLIED", "YES")),
    ],
)
def test_an_agent_that_is_said_to_be_none_is_no_contrast(
    slices: Slices, agent: str, is_given: bool
) -> None:
    slices[0].ContrastBolusAgent = agent
    assert read_slices(slices[:1])[0].contrast is is_given


def test_a_localizer_with_a_blank_before_its_type_is_one(slices: Slices) -> None:
    slices[0].ImageType = ["ORIGINAL", "PRIMARY", " Localizer"]
    assert _refusal(slices).reason is CtRefusalReason.LOCALIZER


def _refusal(slices: Slices) -> CtRefusedError:
    with pytest.raises(CtRefusedError) as refused:
        read_volume(slices)
    return refused.value


def test_a_slope_of_zero_is_named(slices: Slices) -> None:
    for entry in slices:
        entry.RescaleSlope = 0
    error = _refusal(slices)
    assert error.reason is CtRefusalReason.NO_HOUNSFIELD_UNITS
    assert "slope is 0" in error.detail


def test_a_slice_of_another_size_than_its_code_stream_is_refused(slices: Slices) -> None:
    stream(jpeg_ls_stream(_values(slices[7])[:20]), SYNTAX["JLS"])(slices[7])
    error = _refusal(slices)
    assert error.reason is CtRefusalReason.CONTRADICTORY
    assert "code stream" in error.detail


def test_a_compression_without_a_decoder_is_named(slices: Slices) -> None:
    slices[7].file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.112"
    error = _refusal(slices)
    assert error.reason is CtRefusalReason.UNSUPPORTED_COMPRESSION
    assert "JPEG XL" in error.detail
