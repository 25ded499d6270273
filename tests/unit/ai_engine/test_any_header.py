"""Whatever stands in a header, an image is read or refused; no other error leaves the reader."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import Dataset, dcmread, dcmwrite

from ai_engine.errors import ImageRefusedError
from ai_engine.preprocessing.radiograph import read_radiograph
from tests.unit.ai_engine.odd_images import chest, put, words

pytestmark = pytest.mark.slow

NUMBERS = (
    *("Rows", "Columns", "SamplesPerPixel", "PlanarConfiguration", "BitsAllocated", "BitsStored"),
    *("HighBit", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit"),
)
TEXTS = (
    *("NumberOfFrames", "RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth"),
    *("PixelSpacing", "ImagerPixelSpacing", "PixelAspectRatio", "PhotometricInterpretation"),
    *("VOILUTFunction", "PresentationLUTShape", "PatientAge", "PatientSex", "ViewPosition"),
)
SEQUENCES = ("ModalityLUTSequence", "VOILUTSequence")

short = st.one_of(
    st.sampled_from(
        [0, 1, 2, 3, 7, 8, 11, 12, 15, 16, 31, 32, 255, 511, 512, 513, 624, 625, 65535]
    ),
    st.integers(0, 65535),
)
text = st.one_of(
    st.sampled_from(
        ["", " ", "0", "1", "-1", "1,5", "1e400", "NaN", "inf", "1\\2", "\\", "1.5E", "é"]
    ),
    st.text(alphabet="0123456789.,+-eE\\ \0NaMONCHRE12", max_size=20),
)
vrs = st.sampled_from(["US", "SS", "DS", "IS", "CS", "FD", "UN", "LO", "OW"])
values = st.one_of(short.map(words), text.map(lambda each: each.encode("latin-1")))


@st.composite
def changes(draw: st.DrawFn) -> tuple[tuple[str, bytes, str], ...]:
    number = st.tuples(st.sampled_from(NUMBERS), values, st.one_of(st.just("US"), vrs))
    other = st.tuples(st.sampled_from(TEXTS), values, st.one_of(st.just("DS"), vrs))
    return tuple(draw(st.lists(st.one_of(number, other), min_size=1, max_size=4)))


def _read(dataset: Dataset) -> None:
    try:
        read = read_radiograph(dataset)
    except ImageRefusedError as error:
        assert "Error" not in error.detail
        return
    assert read.pixels.dtype == np.float32
    assert np.isfinite(read.pixels).all()
    assert 0 <= read.pixels.min() <= read.pixels.max() <= 1
    assert read.aspect_ratio > 0


@given(changes())
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_any_values_of_pixel_attributes(several: tuple[tuple[str, bytes, str], ...]) -> None:
    dataset = chest()
    for keyword, value, vr in several:
        put(keyword, value, vr)(dataset)
    _read(dataset)


@given(
    st.sampled_from(SEQUENCES),
    st.binary(max_size=12),
    st.one_of(st.binary(max_size=40), st.just(bytes(8192))),
    vrs,
    vrs,
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_any_lookup_table(
    sequence: str, descriptor: bytes, data: bytes, vr: str, data_vr: str
) -> None:
    item = Dataset()
    put("LUTDescriptor", descriptor, vr)(item)
    put("LUTData", data, data_vr)(item)
    dataset = chest()
    setattr(dataset, sequence, [item])
    _read(dataset)


@given(st.binary(min_size=1, max_size=4), st.floats(0, 1))
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_any_damage_of_a_header_as_it_is_stored(damage: bytes, share: float) -> None:
    encoded = BytesIO()
    dcmwrite(encoded, chest(), enforce_file_format=True)
    stored = bytearray(encoded.getvalue())
    place = 400 + int(share * 1800)
    stored[place : place + len(damage)] = damage
    dataset = dcmread(BytesIO(bytes(stored)), force=True)
    _read(dataset)
