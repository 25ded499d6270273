"""Code streams that DCMTK writes: read as they are, and whatever the header says of them."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite

from ai_engine.preprocessing.radiograph import read_radiograph
from tests.peers.process import program
from tests.unit.ai_engine.odd_images import chest, pixels, put, store, without, words

ENCODERS = {
    "JPEG lossless": ("dcmcjpeg", "+e1"),
    "JPEG lossless, process 14": ("dcmcjpeg", "+el"),
    "JPEG extended, 12 bits": ("dcmcjpeg", "+ee", "+q", "100"),
    "JPEG-LS": ("dcmcjpls",),
    "RLE": ("dcmcrle",),
    "deflated": ("dcmconv", "+td"),
    "big endian": ("dcmconv", "+tb"),
    "implicit": ("dcmconv", "+ti"),
}
WRONG: dict[str, Callable[[Dataset], None]] = {
    "as written": lambda _: None,
    "High Bit 0": put("HighBit", words(0)),
    "Bits Stored 16": put("BitsStored", words(16)),
    "High Bit missing": without("HighBit"),
    "Pixel Representation missing": without("PixelRepresentation"),
}


# What is put in wrong is put in as little endian.
CASES = [
    (encoder, wrong)
    for encoder in ENCODERS
    for wrong in WRONG
    if wrong == "as written" or encoder != "big endian"
]


@pytest.mark.parametrize(("encoder", "wrong"), CASES)
def test_the_grey_values_are_those_of_the_plain_image(
    tmp_path: Path, encoder: str, wrong: str
) -> None:
    name, *options = ENCODERS[encoder]
    dcmwrite(tmp_path / "plain.dcm", chest(), enforce_file_format=True)
    written = tmp_path / "written.dcm"
    subprocess.run([program(name, "dcmtk"), *options, tmp_path / "plain.dcm", written], check=True)
    dataset = dcmread(written)
    WRONG[wrong](dataset)
    read = read_radiograph(dataset)
    if wrong == "as written":
        assert read.corrections == ()
    tolerance = 0.01 if "extended" in encoder else 1e-5
    np.testing.assert_allclose(read.pixels, read_radiograph(chest()).pixels, atol=tolerance)


@pytest.mark.parametrize("bits", [12, 16])
@pytest.mark.parametrize("encoder", ["JPEG lossless", "JPEG-LS", "RLE", "big endian"])
def test_signed_values_stay_signed(tmp_path: Path, encoder: str, bits: int) -> None:
    name, *options = ENCODERS[encoder]
    plain = chest()
    signed = (pixels().astype(int) - 2048).astype(np.int16)
    store(signed, PixelRepresentation=1, BitsStored=bits, HighBit=bits - 1)(plain)
    without("WindowCenter", "WindowWidth")(plain)
    dcmwrite(tmp_path / "plain.dcm", plain, enforce_file_format=True)
    written = tmp_path / "written.dcm"
    subprocess.run([program(name, "dcmtk"), *options, tmp_path / "plain.dcm", written], check=True)
    read = read_radiograph(dcmread(written))
    assert read.corrections == ()
    assert read.value_range[0] < 0
    np.testing.assert_allclose(read.pixels, read_radiograph(plain).pixels, atol=1e-5)
