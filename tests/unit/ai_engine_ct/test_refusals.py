"""What isn't one measurable chest CT is refused, with the right reason and no header values."""

import copy
from collections.abc import Callable

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import DigitalXRayImageStorageForPresentation, JPEGLSLossless

from ai_engine.ct.analysis import analyse_ct
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.testing import BODY, ct_datasets, phantom
from ai_engine.ct.volume import read_volume

Slices = list[Dataset]


@pytest.fixture(scope="module")
def stored() -> Slices:
    return ct_datasets(phantom(shape=(40, 32, 44), spacing=(6.0, 8.0, 8.0)))


@pytest.fixture
def slices(stored: Slices) -> Slices:
    return copy.deepcopy(stored)


def _tilt(slices: Slices) -> None:
    for index, entry in enumerate(slices):
        entry.ImagePositionPatient[1] += index * 6.0 * np.tan(np.radians(10))


def _state_tilt(slices: Slices) -> None:
    for entry in slices:
        entry.GantryDetectorTilt = 12


def _repeat(slices: Slices) -> None:
    slices.append(copy.deepcopy(slices[7]))


def _mix_series(slices: Slices) -> None:
    slices[5].SeriesInstanceUID = "1.2.3"


def _mix_orientation(slices: Slices) -> None:
    slices[5].ImageOrientationPatient = [1, 0, 0, 0, 0, -1]


def _mix_spacing(slices: Slices) -> None:
    slices[5].PixelSpacing = [4, 4]


def _mix_size(slices: Slices) -> None:
    slices[5].Rows = 16


def _coronal(slices: Slices) -> None:
    for index, entry in enumerate(slices):
        entry.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
        entry.ImagePositionPatient = [0, index * 6.0, 0]


def _sagging(slices: Slices) -> None:
    slices[9].ImagePositionPatient[2] += 1.5


def _two_distances(slices: Slices) -> None:
    """The lower half twice as far apart: nothing is missing."""
    for index, entry in enumerate(slices[20:], start=1):
        entry.ImagePositionPatient[2] = -4.0 * 19 - 8.0 * index
    for index, entry in enumerate(slices[:20]):
        entry.ImagePositionPatient[2] = -4.0 * index


def _negative_slope(slices: Slices) -> None:
    for entry in slices:
        entry.RescaleSlope = -1


def _pixels_of_8_cm(slices: Slices) -> None:
    for entry in slices:
        entry.PixelSpacing = [80, 80]


def _pixels_of_8_tenths(slices: Slices) -> None:
    """In centimetres, or of another image: the whole chest would be 4 cm wide."""
    for entry in slices:
        entry.PixelSpacing = [0.8, 0.8]


def _far_apart(slices: Slices) -> None:
    for index, entry in enumerate(slices):
        entry.ImagePositionPatient[2] = -12.0 * index


def _wander(slices: Slices) -> None:
    slices[9].ImagePositionPatient[0] += 3


def _localizer(slices: Slices) -> None:
    slices[0].ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]


def _projection(slices: Slices) -> None:
    slices[0].ImageType = ["DERIVED", "SECONDARY", "MIP"]


def _radiograph(slices: Slices) -> None:
    slices[:] = slices[:1]
    slices[0].SOPClassUID = DigitalXRayImageStorageForPresentation
    slices[0].Modality = "DX"


def _no_position(slices: Slices) -> None:
    del slices[3].ImagePositionPatient


def _bad_orientation(slices: Slices) -> None:
    for entry in slices:
        entry.ImageOrientationPatient = [1, 0, 0, 1, 0, 0]


def _no_rescale(slices: Slices) -> None:
    del slices[3].RescaleIntercept


def _other_unit(slices: Slices) -> None:
    for entry in slices:
        entry.RescaleType = "US"


def _truncated(slices: Slices) -> None:
    slices[3].PixelData = slices[3].PixelData[:100]


def _broken_off(slices: Slices) -> None:
    slices[3].compress(JPEGLSLossless, generate_instance_uid=False)
    (stream,) = generate_frames(slices[3].PixelData, number_of_frames=1)
    slices[3].PixelData = encapsulate([stream[: len(stream) // 2]])


def _few(slices: Slices) -> None:
    del slices[12:]


def _missing(slices: Slices) -> None:
    del slices[12]


CHANGES = {
    _tilt: CtRefusalReason.GANTRY_TILT,
    _state_tilt: CtRefusalReason.GANTRY_TILT,
    _repeat: CtRefusalReason.DUPLICATED_SLICES,
    _mix_series: CtRefusalReason.MIXED_SERIES,
    _mix_orientation: CtRefusalReason.MIXED_GEOMETRY,
    _mix_spacing: CtRefusalReason.MIXED_GEOMETRY,
    _mix_size: CtRefusalReason.MIXED_GEOMETRY,
    _coronal: CtRefusalReason.NOT_AXIAL,
    _sagging: CtRefusalReason.UNEVEN_SPACING,
    _two_distances: CtRefusalReason.UNEVEN_SPACING,
    _negative_slope: CtRefusalReason.NO_HOUNSFIELD_UNITS,
    _pixels_of_8_cm: CtRefusalReason.NO_GEOMETRY,
    _pixels_of_8_tenths: CtRefusalReason.NO_GEOMETRY,
    _far_apart: CtRefusalReason.TOO_THICK,
    _wander: CtRefusalReason.MIXED_GEOMETRY,
    _localizer: CtRefusalReason.LOCALIZER,
    _projection: CtRefusalReason.PROJECTION,
    _radiograph: CtRefusalReason.NOT_CT,
    _no_position: CtRefusalReason.NO_GEOMETRY,
    _bad_orientation: CtRefusalReason.NO_GEOMETRY,
    _no_rescale: CtRefusalReason.NO_HOUNSFIELD_UNITS,
    _other_unit: CtRefusalReason.NO_HOUNSFIELD_UNITS,
    _truncated: CtRefusalReason.UNDECODABLE,
    _broken_off: CtRefusalReason.UNDECODABLE,
    _few: CtRefusalReason.TOO_FEW_SLICES,
    _missing: CtRefusalReason.MISSING_SLICES,
}


@pytest.mark.parametrize(
    ("change", "reason"), CHANGES.items(), ids=[change.__name__[1:] for change in CHANGES]
)
def test_what_cannot_be_measured_is_refused(
    slices: Slices, change: Callable[[Slices], None], reason: CtRefusalReason
) -> None:
    change(slices)
    with pytest.raises(CtRefusedError) as caught:
        read_volume(slices)
    assert caught.value.reason is reason
    assert str(caught.value) == f"{reason.value}: {caught.value.detail}"
    assert not any(str(entry.SOPInstanceUID) in str(caught.value) for entry in slices)


def test_nothing_at_all_is_too_few_slices() -> None:
    with pytest.raises(CtRefusedError) as caught:
        read_volume([])
    assert caught.value.reason is CtRefusalReason.TOO_FEW_SLICES


def test_a_body_without_lungs_is_refused() -> None:
    legs = phantom(chest=[BODY], shape=(40, 32, 44), spacing=(6.0, 8.0, 8.0))
    with pytest.raises(CtRefusedError) as caught:
        analyse_ct(ct_datasets(legs))
    assert caught.value.reason is CtRefusalReason.NO_LUNGS


def test_a_volume_of_more_voxels_than_are_measured_is_refused_before_it_is_made(
    slices: Slices,
) -> None:
    for entry in slices:
        entry.Rows = entry.Columns = 8000
        entry.PixelSpacing = [0.05, 0.05]
    with pytest.raises(CtRefusedError, match="2560000000 voxels, at most 536870912") as refused:
        read_volume(slices)
    assert refused.value.reason is CtRefusalReason.UNDECODABLE
