"""Stored values become display values as PS3.3 says."""

import numpy as np
import pytest
from pydicom import Dataset

from ai_engine.errors import ImageRefusedError
from ai_engine.prediction import RefusalReason
from ai_engine.preprocessing.grayscale import display, looked_up, window


def image(**attributes: object) -> Dataset:
    dataset = Dataset()
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsStored = 12
    dataset.PixelRepresentation = 0
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


def display_pixels(dataset: Dataset, stored: np.ndarray, **options: bool) -> np.ndarray:
    return display(dataset, stored, **options).pixels


def ramp(low: int = 0, high: int = 4095) -> np.ndarray:
    return np.linspace(low, high, 64 * 64).astype(np.int32).reshape(64, 64)


def lut(values: list[int], *, first: int, bits: int) -> Dataset:
    item = Dataset()
    item.LUTDescriptor = [len(values), first, bits]
    item.LUTData = values
    return item


def test_linear_window_follows_the_standards_formula() -> None:
    values = np.array([-1.0, 0.0, 63.5, 127.0, 255.0, 300.0])
    shown = window(values, center=128, width=256)
    expected = np.clip((values - 127.5) / 255 + 0.5, 0, 1)
    np.testing.assert_allclose(shown, expected)


def test_exact_linear_and_sigmoid_windows_differ_from_linear() -> None:
    values = np.array([0.0, 64.0, 128.0, 192.0, 256.0])
    exact = window(values, center=128, width=256, function="LINEAR_EXACT")
    sigmoid = window(values, center=128, width=256, function="SIGMOID")
    np.testing.assert_allclose(exact, [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_allclose(sigmoid, 1 / (1 + np.exp([2, 1, 0, -1, -2])), rtol=1e-6)


@pytest.mark.parametrize(
    ("width", "function"), [(0, "LINEAR"), (0.5, "LINEAR"), (-1, "LINEAR_EXACT"), (0, "SIGMOID")]
)
def test_forbidden_window_widths_are_refused(width: float, function: str) -> None:
    with pytest.raises(ValueError, match="not allowed"):
        window(np.zeros(2), center=1, width=width, function=function)


def test_first_of_several_windows_is_used() -> None:
    shown = display_pixels(image(WindowCenter=[1500, 3000], WindowWidth=[2000, 500]), ramp())
    assert shown[ramp() < 500].max() == 0
    assert 0 < shown[ramp() > 510].min() < 0.01
    assert shown[ramp() > 2500].min() == 1


def test_monochrome1_is_inverted_once_even_with_an_inverse_presentation_lut() -> None:
    plain = display_pixels(image(), ramp())
    turned = image(PhotometricInterpretation="MONOCHROME1", PresentationLUTShape="INVERSE")
    shown = display_pixels(turned, ramp(), is_inverted=True)
    np.testing.assert_allclose(shown, 1 - plain, atol=1e-6)


def test_rescale_is_applied_before_the_window() -> None:
    rescaled = image(RescaleSlope=2, RescaleIntercept=-1000, WindowCenter=3000, WindowWidth=4000)
    shown = display_pixels(rescaled, ramp())
    stored = ramp()
    middle = shown[(stored > 1990) & (stored < 2010)]
    assert middle.mean() == pytest.approx(0.5, abs=0.01)


def test_modality_lut_sequence_is_applied() -> None:
    squared = [value * value for value in range(64)]
    dataset = image(WindowCenter=2048, WindowWidth=4096, BitsStored=6)
    dataset.ModalityLUTSequence = [lut(squared, first=0, bits=16)]
    stored = np.tile(np.arange(64), (64, 1))
    shown = display_pixels(dataset, stored)
    assert shown[0, 32] == pytest.approx(1024 / 4095, abs=1e-3)


def test_voi_lut_is_preferred_to_the_window_and_scaled_to_its_depth() -> None:
    table = [*range(100, 116), *range(200, 216)]
    dataset = image(WindowCenter=1, WindowWidth=2, BitsStored=5)
    dataset.VOILUTSequence = [lut(table, first=0, bits=8)]
    stored = np.tile(np.arange(32), (32, 1))
    shown = display_pixels(dataset, stored)
    np.testing.assert_allclose(shown[0], np.array(table) / 255, atol=1e-6)


@pytest.mark.parametrize(("center", "width"), [(100_000, 10), (-500, 1), (0, 0), (2048, 1_000_000)])
def test_absurd_windows_give_way_to_what_the_pixels_show(center: float, width: float) -> None:
    shown = display_pixels(image(WindowCenter=center, WindowWidth=width), ramp())
    low, high = np.percentile(shown, (2, 98))
    assert high - low > 0.9


def test_padding_is_black_and_doesnt_stretch_the_grey_scale() -> None:
    stored = ramp(1000, 1200)
    stored[:20] = 0
    dataset = image(PixelPaddingValue=0, PhotometricInterpretation="MONOCHROME1")
    shown = display_pixels(dataset, stored)
    assert (shown[:20] == 0).all()
    assert np.ptp(shown[20:]) > 0.9


def test_padding_range_covers_both_ends() -> None:
    stored = ramp(1000, 1200)
    stored[:10], stored[10:20] = 4000, 4095
    shown = display_pixels(image(PixelPaddingValue=4095, PixelPaddingRangeLimit=4000), stored)
    assert (shown[:20] == 0).all()
    assert np.ptp(shown[20:]) > 0.9


def test_signed_values_work() -> None:
    stored = ramp(-1024, 1023).astype(np.int16)
    shown = display_pixels(image(PixelRepresentation=1), stored)
    assert (np.diff(shown.ravel()) >= 0).all()
    assert shown.min() == 0
    assert shown.max() == 1


@pytest.mark.parametrize("spread", [1, 5])
def test_images_without_contrast_are_an_empty_exposure(spread: int) -> None:
    stored = 700 + np.random.default_rng(1).integers(0, spread, (64, 64))
    stored[0, 0] = 4000
    with pytest.raises(ImageRefusedError) as refused:
        display_pixels(image(), stored)
    assert refused.value.reason is RefusalReason.EMPTY_EXPOSURE


def test_images_of_padding_only_are_an_empty_exposure() -> None:
    with pytest.raises(ImageRefusedError, match="padding"):
        display_pixels(image(PixelPaddingValue=0), np.zeros((64, 64), dtype=np.int64))


def test_deeper_pixels_than_any_radiograph_are_refused() -> None:
    stored = np.array([[0, 2**20], [1, 2]], dtype=np.int64)
    with pytest.raises(ImageRefusedError) as refused:
        display_pixels(image(), stored)
    assert refused.value.reason is RefusalReason.UNDECODABLE


def test_the_range_of_values_is_that_of_the_exposed_pixels_after_the_modality_lut() -> None:
    stored = ramp(1000, 1200)
    stored[:10] = 0
    shown = image(PixelPaddingValue=0, RescaleSlope=2, RescaleIntercept=-1000)
    low, high = display(shown, stored).value_range
    assert 1000 <= low < 1100
    assert 1350 < high <= 1400


@pytest.mark.parametrize(
    ("kind", "low", "high"),
    [
        (np.uint16, 0, 65535),
        (np.uint16, 17, 4095),
        (np.int16, -32768, 32767),
        (np.int16, -1024, 3071),
        (np.uint8, 0, 255),
        (np.int32, -70000, -66000),
        (np.uint32, 0, 65536),
        (">u2", 17, 4095),
        (">i2", -1024, 3071),
        ("<u2", 17, 4095),
    ],
)
def test_every_kind_of_stored_value_is_looked_up_alike(
    kind: type | str, low: int, high: int
) -> None:
    stored = np.linspace(low, high, 128 * 96).astype(np.int64).reshape(128, 96)[:, ::2]
    table = np.random.default_rng(1).random(high - low + 1).astype(np.float32)

    found = looked_up(table, stored.astype(kind), low)

    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, table[stored - low])
