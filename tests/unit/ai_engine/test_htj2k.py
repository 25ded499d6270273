"""High-Throughput JPEG 2000 (PS3.5 A.4.11): right values, or a refusal under its own name.

The code streams beside this file are of `_waves`, encoded by OpenJPH: no encoder is among what the
project needs.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import HTJ2K, UID, HTJ2KLossless, HTJ2KLosslessRPCL, JPEG2000Lossless

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.decoding import decode_pixels

STREAMS = Path(__file__).with_name("code_streams")
SIDE = 256
MIDDLE = 2048


def _waves() -> npt.NDArray[np.int64]:
    """An image of 12 bits without edges, (256, 256)."""
    rows, columns = np.indices((SIDE, SIDE))
    return (MIDDLE + 1000 * np.sin(rows / 40) + 900 * np.cos(columns / 55)).astype(np.int64)


def _image(
    stream: bytes, syntax: UID = HTJ2KLossless, *, signed: int = 0, columns: int = SIDE
) -> Dataset:
    image = Dataset()
    image.file_meta = FileMetaDataset()
    image.file_meta.TransferSyntaxUID = syntax
    image.Rows, image.Columns = SIDE, columns
    image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
    image.BitsAllocated, image.BitsStored, image.HighBit = 16, 12, 11
    image.PixelRepresentation = signed
    image.PixelData = encapsulate([stream])
    image["PixelData"].is_undefined_length = True
    return image


def _stream(name: str) -> bytes:
    return (STREAMS / f"{name}.jhc").read_bytes()


@pytest.mark.parametrize("syntax", [HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K])
def test_every_pixel_of_a_lossless_image_is_as_it_was_encoded(syntax: UID) -> None:
    decoded = decode_pixels(_image(_stream("unsigned"), syntax))
    np.testing.assert_array_equal(decoded.values, _waves())
    assert decoded.corrections == ()


@pytest.mark.parametrize("stated", [0, 1])
def test_signed_values_are_signed_whatever_the_header_says(stated: int) -> None:
    decoded = decode_pixels(_image(_stream("signed"), signed=stated))
    np.testing.assert_array_equal(decoded.values, _waves() - MIDDLE)
    assert bool(decoded.corrections) == (stated == 0)


def test_a_lossy_image_is_near_to_what_was_encoded() -> None:
    decoded = decode_pixels(_image(_stream("lossy"), HTJ2K))
    assert np.abs(decoded.values.astype(np.int64) - _waves()).max() < 64


def test_a_high_throughput_stream_under_the_older_transfer_syntax_is_read_alike() -> None:
    decoded = decode_pixels(_image(_stream("unsigned"), JPEG2000Lossless))
    np.testing.assert_array_equal(decoded.values, _waves())


@pytest.mark.parametrize("part", [0.02, 0.5, 0.95])
def test_a_stream_that_breaks_off_is_refused_and_not_filled_up(part: float) -> None:
    whole = _stream("unsigned")
    with pytest.raises(ImageRefusedError) as refused:
        decode_pixels(_image(whole[: int(part * len(whole))]))
    assert refused.value.reason is RefusalReason.UNDECODABLE


def test_a_stream_of_another_size_than_the_header_says_is_refused() -> None:
    with pytest.raises(ImageRefusedError) as refused:
        decode_pixels(_image(_stream("unsigned"), columns=SIDE // 2))
    assert refused.value.reason is RefusalReason.CONTRADICTORY
