"""A real low-dose chest CT: plausible lungs, no false alarms, refusals instead of wrong numbers."""

import copy
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from pydicom import Dataset

from ai_engine.ct.analysis import analyse_ct, analyse_volume
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.results import Caution, CtAnalysis, Pattern, Severity, Side
from ai_engine.ct.volume import CtVolume

SECONDS = 10.0
"""What two cores may take for 143 slices."""


def test_lung_volumes_are_plausible(analysis: CtAnalysis) -> None:
    """Total lung capacity of adults is 4 to 7 l, and the right lung is the larger one."""
    right, left, both = analysis.measurements
    assert 4000 < both.volume_ml < 7000
    assert 0.5 < right.volume_ml / both.volume_ml < 0.6
    assert both.volume_ml == pytest.approx(right.volume_ml + left.volume_ml)


def test_lungs_without_infiltrates_are_grade_1(analysis: CtAnalysis) -> None:
    for lung in analysis.measurements:
        assert lung.severity is Severity.GRADE_1
        # Healthy never-smokers: median 4.3 %, range 2.7 to 17.8 % (Easthausen et al., 2020).
        assert lung.high_attenuation_percentage == pytest.approx(4.3, abs=1.6)
        assert lung.mean_hounsfield == pytest.approx(-860, abs=60)
    # A third of this smoker's lungs lies below −950 HU.
    assert analysis.cautions == (Caution.DARK,)


def test_the_right_lung_is_on_the_patient_s_right(analysis: CtAnalysis) -> None:
    columns = np.arange(analysis.geometry.shape[2])
    sides = [
        float((mask.unpack().sum(axis=(0, 1)) * columns).sum() / mask.unpack().sum())
        for mask in (analysis.right_lung, analysis.left_lung)
    ]
    assert analysis.geometry.columns_along[0] > 0
    assert sides[0] < sides[1]


@pytest.fixture(scope="module")
def shuffled(slices: list[Dataset]) -> tuple[CtAnalysis, float]:
    """The analysis of the slices in another order, on two threads.

    And the seconds of processor that both took: however busy the machine is.
    """
    order = np.random.default_rng(5).permutation(len(slices))
    started = time.process_time()
    analysis = analyse_ct([slices[index] for index in order], threads=2)
    return analysis, time.process_time() - started


def test_shuffled_slices_give_the_same_result(
    shuffled: tuple[CtAnalysis, float], analysis: CtAnalysis
) -> None:
    for field in dataclasses.fields(CtAnalysis):
        assert getattr(shuffled[0], field.name) == getattr(analysis, field.name), field.name


def test_a_whole_ct_takes_at_most_ten_seconds(shuffled: tuple[CtAnalysis, float]) -> None:
    assert shuffled[1] < SECONDS


def _sheared(entry: Dataset, index: int) -> None:
    entry.ImagePositionPatient[1] += index * 2.0 * np.tan(np.radians(15))


def _stated_tilt(entry: Dataset, _index: int) -> None:
    entry.GantryDetectorTilt = 15


def _select_all(slices: list[Dataset]) -> list[Dataset]:
    return slices


def _without_one(slices: list[Dataset]) -> list[Dataset]:
    return slices[:70] + slices[71:]


def _with_one_twice(slices: list[Dataset]) -> list[Dataset]:
    return [*slices, slices[70]]


def _the_first_ten(slices: list[Dataset]) -> list[Dataset]:
    return slices[:10]


REFUSED = [
    (_select_all, _sheared, CtRefusalReason.GANTRY_TILT),
    (_select_all, _stated_tilt, CtRefusalReason.GANTRY_TILT),
    (_without_one, None, CtRefusalReason.MISSING_SLICES),
    (_with_one_twice, None, CtRefusalReason.DUPLICATED_SLICES),
    (_the_first_ten, None, CtRefusalReason.TOO_FEW_SLICES),
]


@pytest.mark.parametrize(("select", "change", "reason"), REFUSED)
def test_a_damaged_series_is_refused(
    slices: list[Dataset],
    select: Callable[[list[Dataset]], list[Dataset]],
    change: Callable[[Dataset, int], None] | None,
    reason: CtRefusalReason,
) -> None:
    ordered = sorted(slices, key=lambda entry: float(entry.ImagePositionPatient[2]))
    chosen = [_headers(entry) for entry in select(ordered)]
    for index, entry in enumerate(chosen):
        if change is not None:
            change(entry, index)
    with pytest.raises(CtRefusedError) as caught:
        analyse_ct(chosen)
    assert caught.value.reason is reason


@pytest.mark.parametrize("kind", ["DX", "CR", "MR", "US"])
def test_other_modalities_are_refused(real_material: Path, kind: str) -> None:
    objects = [pydicom.dcmread(path) for path in sorted((real_material / "received").glob("*.dcm"))]
    chosen = [entry for entry in objects if entry.get("Modality") == kind]
    if not chosen:
        pytest.skip(f"no object of modality {kind} in the real material")
    with pytest.raises(CtRefusedError) as caught:
        analyse_ct(chosen)
    assert caught.value.reason is CtRefusalReason.NOT_CT


def test_the_abdomen_s_gas_is_not_taken_for_lungs(slices: list[Dataset]) -> None:
    ordered = sorted(slices, key=lambda entry: float(entry.ImagePositionPatient[2]))
    with pytest.raises(CtRefusedError) as caught:
        analyse_ct(ordered[:20])
    assert caught.value.reason is CtRefusalReason.NO_LUNGS


def test_lesions_put_into_real_lungs_are_found(volume: CtVolume) -> None:
    """A hazy ball of 33 ml in the right lung and a solid one of 16 mm in the left."""
    hazy = _ball(volume, (40, 300, 110), 20.0)
    solid = _ball(volume, (60, 200, 400), 8.0)
    values = volume.hounsfield.copy()
    noise = np.random.default_rng(3).normal(0.0, 60.0, values.shape).astype(np.int16)
    values[hazy] = np.maximum(values, -480 + noise)[hazy]
    values[solid] = np.maximum(values, 30 + noise)[solid]
    found = analyse_volume(dataclasses.replace(volume, hounsfield=values))
    assert [(finding.pattern, finding.side) for finding in found.findings[:2]] == [
        (Pattern.GROUND_GLASS, Side.RIGHT),
        (Pattern.NODULE, Side.LEFT),
    ]
    painted = hazy.sum() * volume.geometry.voxel_ml
    assert found.measurements[0].inhomogeneity_ml == pytest.approx(painted, rel=0.1)
    shown = [key.number for key in found.key_slices]
    assert all(min(abs(number - wanted) for number in shown) <= 2 for wanted in (41, 61))


def _headers(entry: Dataset) -> Dataset:
    """A copy to change, which shares the pixels."""
    changed = Dataset()
    changed.update(entry)
    changed.file_meta = entry.file_meta
    for keyword in ("ImagePositionPatient", "GantryDetectorTilt"):
        if keyword in entry:
            changed[keyword] = copy.deepcopy(entry[keyword])
    return changed


def _ball(volume: CtVolume, centre: tuple[int, int, int], radius: float) -> npt.NDArray[np.bool_]:
    places = np.ogrid[tuple(slice(count) for count in volume.hounsfield.shape)]
    squares = (
        ((place - middle) * step) ** 2
        for place, middle, step in zip(places, centre, volume.geometry.spacing, strict=True)
    )
    return np.asarray(sum(squares)) <= radius**2
