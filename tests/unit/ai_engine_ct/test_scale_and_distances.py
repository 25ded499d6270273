"""Scales and distances that the header states wrongly, wholly or in some slices."""

import copy
import dataclasses
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from pydicom import Dataset

from ai_engine.ct.analysis import analyse_volume
from ai_engine.ct.grid import reduce_volume
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.results import Caution
from ai_engine.ct.slices import read_slices
from ai_engine.ct.testing import BODY, CHEST, LUNG, TISSUE, Ellipsoid, ct_datasets, phantom
from ai_engine.ct.volume import CtVolume, read_volume
from tests.unit.ai_engine.odd_images import put

Values = npt.NDArray[np.float64]
FAT = Ellipsoid(centre=(0, 0, 0), radii=(2000, 125, 180), hounsfield=-100)
ORIGINAL = phantom(shape=(50, 64, 88), spacing=(5.0, 4.0, 4.0), noise=15.0)
MIDDLE = 25


def _holding(values: Values) -> CtVolume:
    stored = np.clip(np.rint(values), -1024, 3071).astype(np.int16)
    return dataclasses.replace(ORIGINAL, hounsfield=stored)


def _refusal(volume: CtVolume) -> CtRefusedError:
    with pytest.raises(CtRefusedError) as refused:
        analyse_volume(volume)
    return refused.value


@pytest.mark.parametrize(
    ("scaled", "said"),
    [
        (lambda values: values + 1024, "denser than bone"),
        (lambda values: values + 50, "air in the images is denser"),
        (lambda values: values - 100, "less dense than tissue"),
        (lambda values: values - 1024, "nothing in the images is as dense as tissue"),
        (lambda values: (values + 1000) * 1.2 - 1000, "tissue in the images is denser"),
        (lambda values: (values + 1000) * 0.8 - 1000, "less dense than tissue"),
        (lambda values: np.clip(values, -160, 240), "as light as air"),
    ],
    ids=[
        "intercept lost",
        "intercept 50 too high",
        "intercept 100 too low",
        "intercept twice",
        "slope too steep",
        "slope too flat",
        "soft tissue window",
    ],
)
def test_a_scale_that_is_wrong_is_named_and_nothing_is_measured_on_it(
    scaled: Callable[[Values], Values], said: str
) -> None:
    error = _refusal(_holding(scaled(ORIGINAL.hounsfield.astype(np.float64))))
    assert error.reason is CtRefusalReason.NO_HOUNSFIELD_UNITS
    assert said in error.detail


@pytest.mark.parametrize("shift", [1024, 100, 40, -40, -100])
@pytest.mark.parametrize(
    ("some", "after"),
    [(slice(MIDDLE, None), MIDDLE), (slice(MIDDLE, MIDDLE + 1), MIDDLE), (slice(0, None, 2), 1)],
    ids=["half", "one", "every second"],
)
def test_slices_on_two_scales_are_refused_with_the_slice_where_they_leap(
    some: slice, after: int, shift: int
) -> None:
    values = ORIGINAL.hounsfield.astype(np.float64)
    values[some] += shift
    error = _refusal(_holding(values))
    assert error.reason is CtRefusalReason.NO_HOUNSFIELD_UNITS
    assert f"HU after slice {after}, counted from the head" in error.detail


def test_two_rescales_that_lead_to_one_scale_are_measured() -> None:
    """Scanners fit slope and intercept to each slice."""
    datasets = ct_datasets(ORIGINAL)
    for entry in datasets[::3]:
        values = np.frombuffer(entry.PixelData, "<u2").astype(np.int32)
        entry.PixelData = (2 * values + 24).astype("<u2").tobytes()
        entry.RescaleSlope, entry.RescaleIntercept = 0.5, -1036
    assert np.array_equal(read_volume(datasets).hounsfield, ORIGINAL.hounsfield)


def test_fat_under_the_skin_and_contrast_agent_are_no_wrong_scale() -> None:
    blood = Ellipsoid(centre=(20, -10, 0), radii=(60, 40, 25), hounsfield=TISSUE + 300)
    chest = phantom(blood, chest=(FAT, *CHEST), shape=(50, 72, 100), spacing=(5.0, 4.0, 4.0))
    assert analyse_volume(chest).measurements[2].volume_ml > 3000


def test_much_fat_under_the_skin_is_no_wrong_scale() -> None:
    """More than four fifths of the soft tissue, as of a very obese patient."""
    fat = Ellipsoid(centre=(0, 0, 0), radii=(2000, 270, 330), hounsfield=-100)
    chest = phantom(chest=(fat, *CHEST), shape=(50, 144, 172), spacing=(5.0, 4.0, 4.0), noise=15.0)
    soft = chest.hounsfield[(chest.hounsfield > -300) & (chest.hounsfield < 150)]
    assert np.percentile(soft, 80) < 0
    assert analyse_volume(chest).measurements[2].volume_ml > 3000


def test_pixels_turned_by_a_quarter_are_refused_and_no_side_is_named() -> None:
    turned = np.ascontiguousarray(np.rot90(ORIGINAL.hounsfield, axes=(1, 2)))
    geometry = dataclasses.replace(ORIGINAL.geometry, shape=turned.shape)
    error = _refusal(CtVolume(hounsfield=turned, geometry=geometry))
    assert error.reason is CtRefusalReason.CONTRADICTORY
    assert "turned by a quarter" in error.detail


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_pixels_that_are_stated_twice_as_wide_or_as_high_have_no_grade(factor: float) -> None:
    step, height, width = ORIGINAL.geometry.spacing
    geometry = dataclasses.replace(ORIGINAL.geometry, spacing=(step, height, width * factor))
    analysis = analyse_volume(dataclasses.replace(ORIGINAL, geometry=geometry))
    assert Caution.SHAPE in analysis.doubts
    assert {row.severity for row in analysis.measurements} == {None}


def test_more_lung_than_anybody_has_is_refused() -> None:
    step, height, width = ORIGINAL.geometry.spacing
    geometry = dataclasses.replace(
        ORIGINAL.geometry, spacing=(1.5 * step, 1.5 * height, 1.5 * width)
    )
    error = _refusal(dataclasses.replace(ORIGINAL, geometry=geometry))
    assert error.reason is CtRefusalReason.CONTRADICTORY
    assert "litres of lung" in error.detail


@pytest.fixture
def slices() -> list[Dataset]:
    return copy.deepcopy(ct_datasets(ORIGINAL))


@pytest.mark.parametrize(
    ("keyword", "values", "said"),
    [
        ("SpacingBetweenSlices", ("2.5 ",), "Spacing Between Slices"),
        ("SpacingBetweenSlices", ("-5",), ""),
        ("SpacingBetweenSlices", ("5,0 ",), ""),
        ("SpacingBetweenSlices", ("five",), ""),
        ("SpacingBetweenSlices", ("0 ",), ""),
        ("SliceThickness", ("12 ",), "Slice Thickness"),
        ("SliceThickness", ("5 ",), ""),
        ("SliceThickness", ("1 ",), ""),
        ("ReconstructionDiameter", ("700 ",), "Reconstruction Diameter"),
        ("ReconstructionDiameter", ("352 ",), ""),
        ("FrameOfReferenceUID", ("1.2.3", "1.2.4"), "Frame of Reference"),
        ("FrameOfReferenceUID", ("1.2.3",), ""),
    ],
)
def test_distances_that_contradict_the_positions_are_said(
    slices: list[Dataset], keyword: str, values: tuple[str, ...], said: str
) -> None:
    for index, entry in enumerate(slices):
        put(keyword, values[index % len(values)])(entry)
    volume = read_volume(slices)
    assert bool(volume.corrections) == bool(said)
    assert said in " ".join(volume.corrections)
    assert np.array_equal(volume.hounsfield, ORIGINAL.hounsfield)


@pytest.mark.parametrize("stated", [49, 51, None])
def test_a_multi_frame_object_describes_each_of_its_frames(
    slices: list[Dataset], stated: int | None
) -> None:
    entry = slices[0]
    entry.PerFrameFunctionalGroupsSequence = [Dataset() for _ in slices]
    if stated is not None:
        entry.NumberOfFrames = stated
    with pytest.raises(CtRefusedError) as refused:
        read_slices([entry])
    assert refused.value.reason is CtRefusalReason.CONTRADICTORY
    assert "50 frames are described" in refused.value.detail


def test_lungs_that_are_not_told_apart_are_refused() -> None:
    """One wide lung in the middle, as two turned by a quarter are where they touch."""
    joined = Ellipsoid(centre=(0, 0, 0), radii=(115, 80, 90), hounsfield=LUNG)
    chest = phantom(chest=(BODY, joined), shape=(50, 64, 88), spacing=(5.0, 4.0, 4.0))
    error = _refusal(chest)
    assert error.reason is CtRefusalReason.CONTRADICTORY
    assert "right and left lung cannot be told apart" in error.detail


@pytest.mark.parametrize(("stated", "thickness"), [("8 ", 8.0), ("", 0.0), ("8000", 0.0)])
def test_slices_are_as_thick_as_stated_where_they_overlap(
    slices: list[Dataset], stated: str, thickness: float
) -> None:
    for entry in slices:
        put("SliceThickness", stated)(entry)
    grid = reduce_volume(read_volume(slices))
    assert grid.slice_thickness == thickness
    assert grid.thickness == max(5.0, thickness)


def test_a_frame_s_own_slice_thickness_is_read() -> None:
    frame = Dataset()
    frame.SliceThickness = "6"
    measures = Dataset()
    measures.PixelMeasuresSequence = [frame]
    entry = ct_datasets(ORIGINAL)[0]
    entry.NumberOfFrames = 1
    frame.PixelSpacing = entry.PixelSpacing
    entry.PerFrameFunctionalGroupsSequence = [Dataset()]
    for keyword, name in (
        ("ImagePositionPatient", "PlanePositionSequence"),
        ("ImageOrientationPatient", "PlaneOrientationSequence"),
    ):
        place = Dataset()
        setattr(place, keyword, entry[keyword].value)
        setattr(measures, name, [place])
    rescale = Dataset()
    rescale.RescaleSlope, rescale.RescaleIntercept = entry.RescaleSlope, entry.RescaleIntercept
    measures.PixelValueTransformationSequence = [rescale]
    entry.SharedFunctionalGroupsSequence = [measures]
    (read,) = read_slices([entry])
    assert read.thickness == 6.0
