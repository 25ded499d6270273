"""DICOM objects become radiographs, or are refused with a reason that betrays nothing."""

from io import BytesIO
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.pixel_aspect import read_pixel_aspect
from ai_engine.preprocessing.radiograph import read_radiograph

NAME = "Doe^Jane"


def grey(rows: int = 300, columns: int = 280) -> np.ndarray:
    y, x = np.mgrid[:rows, :columns]
    return ((x * 7 + y * 13) % 4096).astype(np.uint16)


def dataset_of(pixels: np.ndarray, **attributes: object) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPInstanceUID = "1.2.3"
    dataset.PatientName = NAME
    dataset.Rows, dataset.Columns = pixels.shape[:2]
    dataset.SamplesPerPixel = 1 if pixels.ndim == 2 else 3
    if pixels.ndim == 3:
        dataset.PlanarConfiguration = 0
    dataset.PhotometricInterpretation = "MONOCHROME2" if pixels.ndim == 2 else "RGB"
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored = 12 if dataset.BitsAllocated == 16 else 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = 0
    dataset.PixelData = pixels.tobytes()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def reason_for(dataset: Dataset) -> RefusalReason:
    with pytest.raises(ImageRefusedError) as refused:
        read_radiograph(dataset)
    assert NAME not in str(refused.value)
    assert refused.value.as_refusal("1.2.3").reason is refused.value.reason
    return refused.value.reason


def test_grey_images_keep_their_grid_and_order() -> None:
    read = read_radiograph(dataset_of(grey()))
    assert (read.rows, read.columns) == (300, 280)
    assert read.sop_instance_uid == "1.2.3"
    assert read.pixels.dtype == np.float32
    order = np.argsort(grey().ravel(), kind="stable")
    assert (np.diff(read.pixels.ravel()[order]) >= 0).all()


def test_colour_with_three_equal_channels_is_grey() -> None:
    channel = (grey() // 16).astype(np.uint8)
    coloured = read_radiograph(dataset_of(np.repeat(channel[..., None], 3, axis=2)))
    plain = read_radiograph(dataset_of(channel))
    np.testing.assert_array_equal(coloured.pixels, plain.pixels)


def test_real_colour_is_refused() -> None:
    pixels = np.zeros((300, 300, 3), dtype=np.uint8)
    pixels[..., 0] = 200
    pixels[:150] = 50
    assert reason_for(dataset_of(pixels)) is RefusalReason.UNSUPPORTED_PHOTOMETRIC


def test_several_frames_are_refused_before_decoding() -> None:
    dataset = dataset_of(grey(), NumberOfFrames=2)
    assert reason_for(dataset) is RefusalReason.MULTIFRAME


def test_no_pixels_are_refused() -> None:
    dataset = dataset_of(grey())
    del dataset.PixelData
    assert reason_for(dataset) is RefusalReason.NO_PIXELS


@pytest.mark.parametrize("shape", [(255, 400), (400, 255)])
def test_small_images_are_refused(shape: tuple[int, int]) -> None:
    assert reason_for(dataset_of(grey(*shape))) is RefusalReason.TOO_SMALL


def test_truncated_pixels_are_refused() -> None:
    dataset = dataset_of(grey())
    dataset.PixelData = dataset.PixelData[:1000]
    assert reason_for(dataset) is RefusalReason.UNDECODABLE


def _jpeg(pixels: np.ndarray) -> bytes:
    whole, stream = cv2.imencode(".jpg", (pixels >> 4).astype(np.uint8))
    assert whole
    return stream.tobytes()


def _compressed(syntax: UID) -> Dataset:
    pixels = cv2.GaussianBlur(grey(), (0, 0), 3)
    if syntax == JPEGBaseline8Bit:
        dataset = dataset_of((pixels >> 4).astype(np.uint8))
        dataset.PixelData = encapsulate([_jpeg(pixels)])
        dataset["PixelData"].is_undefined_length = True
        dataset.file_meta.TransferSyntaxUID = syntax
    else:
        dataset = dataset_of(pixels)
        dataset.compress(syntax, generate_instance_uid=False)
    return dataset


COMPRESSIONS = [
    JPEGBaseline8Bit,
    JPEGLSLossless,
    JPEGLSNearLossless,
    JPEG2000Lossless,
    RLELossless,
]


@pytest.mark.parametrize("padding", [b"", b"\x00\x00", b"\xff\x00"])
@pytest.mark.parametrize("syntax", COMPRESSIONS, ids=lambda syntax: syntax.keyword)
def test_compressed_images_may_be_padded(syntax: UID, padding: bytes) -> None:
    dataset = _compressed(syntax)
    (stream,) = generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = encapsulate([stream + padding])
    assert read_radiograph(dataset).pixels.shape == grey().shape


@pytest.mark.parametrize("kept", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("syntax", COMPRESSIONS, ids=lambda syntax: syntax.keyword)
def test_compressed_images_that_break_off_are_refused(syntax: UID, kept: float) -> None:
    """Some decoders fill the rest up: a negative result would rest on half an image."""
    dataset = _compressed(syntax)
    (stream,) = generate_frames(dataset.PixelData, number_of_frames=1)
    dataset.PixelData = encapsulate([stream[: int(len(stream) * kept)]])
    assert reason_for(dataset) is RefusalReason.UNDECODABLE


@pytest.mark.parametrize("damage", ["the middle is missing", "cut, and closed with a marker"])
@pytest.mark.parametrize("syntax", COMPRESSIONS, ids=lambda syntax: syntax.keyword)
def test_compressed_images_that_lack_a_part_are_refused(syntax: UID, damage: str) -> None:
    dataset = _compressed(syntax)
    (stream,) = generate_frames(dataset.PixelData, number_of_frames=1)
    third = len(stream) // 3
    if damage == "the middle is missing":
        dataset.PixelData = encapsulate([stream[: 2 * third] + stream[-third // 2 :]])
    else:
        dataset.PixelData = encapsulate([stream[:-third] + b"\xff\xd9"])
    assert reason_for(dataset) is RefusalReason.UNDECODABLE


@pytest.mark.parametrize("quality", [20, 75, 100])
@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"restart_marker_blocks": 5}])
@pytest.mark.parametrize("blank", [0, 150, 290])
def test_no_whole_jpeg_is_taken_for_one_that_lacks_a_part(
    quality: int, options: dict[str, Any], blank: int
) -> None:
    pixels = (grey() >> 4).astype(np.uint8)
    pixels[300 - blank :] = 0  # as a collimator leaves it: a few bits a block
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality, **options)
    dataset = dataset_of(pixels)
    dataset.PixelData = encapsulate([stream.getvalue()])
    dataset["PixelData"].is_undefined_length = True
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    assert read_radiograph(dataset).pixels.shape == pixels.shape


def test_missing_rows_are_refused() -> None:
    dataset = dataset_of(grey())
    del dataset.Rows
    assert reason_for(dataset) is RefusalReason.CONTRADICTORY


def test_a_blank_exposure_is_refused() -> None:
    assert reason_for(dataset_of(np.full((300, 300), 9, np.uint16))) is RefusalReason.EMPTY_EXPOSURE


@pytest.mark.parametrize(
    ("keyword", "value", "ratio"),
    [
        ("PixelAspectRatio", ["4", "3"], 4 / 3),
        ("PixelSpacing", ["0.2", "0.1"], 2.0),
        ("ImagerPixelSpacing", ["0.14", "0.14"], 1.0),
        ("PixelSpacing", ["0", "0.1"], 1.0),
    ],
)
def test_pixel_shape_comes_from_the_attributes(
    keyword: str, value: list[str], ratio: float
) -> None:
    aspect = read_pixel_aspect(dataset_of(grey(), **{keyword: value}))
    assert aspect.ratio == pytest.approx(ratio)
