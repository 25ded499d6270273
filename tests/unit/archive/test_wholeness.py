"""Objects that break off are told from whole ones by their bytes alone."""

import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
)
from pynetdicom.dsutils import encode

from dicom_node.archive.header import read_header
from tests.peers.objects import make_dataset


def encoded(dataset: Dataset, syntax: UID) -> bytes:
    data = encode(dataset, syntax.is_implicit_VR, syntax.is_little_endian)
    assert data is not None
    return data


def an_image() -> Dataset:
    referenced = Dataset()
    referenced.ReferencedSOPInstanceUID = "1.2.3"
    image = make_dataset(1, Rows=8, Columns=8, PixelData=bytes(64))
    image.ReferencedImageSequence = Sequence([referenced])
    image.ReferencedImageSequence.is_undefined_length = True
    return image


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_an_image_without_its_last_pixels_is_not_whole(syntax: UID) -> None:
    data = encoded(an_image(), syntax)
    assert read_header(data, syntax).is_whole
    assert not read_header(data[:-1], syntax).is_whole
    assert not read_header(data[:-64], syntax).is_whole
    assert not read_header(data[:-70], syntax).is_whole, "within the head of the pixels"


def test_a_report_without_the_end_of_its_last_value_is_not_whole() -> None:
    report = make_dataset(1)
    for keyword in ("PixelData", "Rows", "Columns"):
        if keyword in report:
            del report[keyword]
    report.add_new(0x00990010, "LO", "VENDOR")
    report.add_new(0x00991001, "LO", "a value of somebody's own")
    data = encoded(report, ExplicitVRLittleEndian)
    assert read_header(data, ExplicitVRLittleEndian).is_whole
    assert not read_header(data[:-6], ExplicitVRLittleEndian).is_whole


def test_compressed_pixels_are_whole_with_their_last_fragment() -> None:
    """Old writers leave the delimiter behind it out: nothing is lost by that."""
    image = an_image()
    image.PixelData = encapsulate([b"\xff\xd8" + bytes(40), b"\xff\xd8" + bytes(20)])
    image["PixelData"].VR = "OB"
    image["PixelData"].is_undefined_length = True
    data = encoded(image, ExplicitVRLittleEndian)
    assert data.endswith(b"\xfe\xff\xdd\xe0\0\0\0\0")
    assert read_header(data, JPEGLSLossless).is_whole
    assert read_header(data[:-8], JPEGLSLossless).is_whole
    assert not read_header(data[:-9], JPEGLSLossless).is_whole
    assert not read_header(data[:-30], JPEGLSLossless).is_whole
