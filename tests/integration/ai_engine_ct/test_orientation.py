"""Chests whose pixels lie otherwise than their header says, of six people: never measured."""

import dataclasses
from itertools import combinations

import cv2
import numpy as np
import pytest

from ai_engine.ct.analysis import analyse_volume
from ai_engine.ct.body_axes import is_orientation_unsure, require_upright
from ai_engine.ct.lungs import LEFT, RIGHT, find_lungs
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.results import Caution
from ai_engine.ct.skeleton_axes import skeleton_axes
from ai_engine.ct.volume import CtVolume
from tests.integration.ai_engine_ct.scans import SCANS, scan
from tests.integration.ai_engine_ct.thinning import thinned

pytestmark = pytest.mark.long

REVERSED = [axes for count in (1, 2, 3) for axes in combinations(range(3), count) if axes != (2,)]
"""All ways to reverse slices, rows and columns that reverse front or head."""


def _changed(volume: CtVolume, values: np.ndarray) -> CtVolume:
    return dataclasses.replace(volume, hounsfield=np.ascontiguousarray(values))


def _turned(volume: CtVolume, degrees: float) -> CtVolume:
    _, rows, columns = volume.hounsfield.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, 1.0)
    planes = [
        cv2.warpAffine(plane, matrix, (columns, rows), borderValue=-1000)
        for plane in volume.hounsfield
    ]
    return _changed(volume, np.stack(planes))


def _narrow(volume: CtVolume, side: int) -> CtVolume:
    """A field of view of one lung."""
    inside = find_lungs(volume).labels == side
    columns = np.flatnonzero(inside.any(axis=(0, 1)))
    margin = round(15.0 / volume.geometry.spacing[2])
    part = slice(max(0, int(columns[0]) - margin), int(columns[-1]) + margin)
    values = np.ascontiguousarray(volume.hounsfield[:, :, part])
    geometry = dataclasses.replace(volume.geometry, shape=values.shape)
    return dataclasses.replace(volume, hounsfield=values, geometry=geometry)


@pytest.mark.parametrize("axes", REVERSED)
@pytest.mark.parametrize("name", SCANS)
def test_front_or_head_in_reverse_is_refused(name: str, axes: tuple[int, ...]) -> None:
    volume = scan(name)
    with pytest.raises(CtRefusedError) as refused:
        analyse_volume(_changed(volume, np.flip(volume.hounsfield, axes)))
    assert refused.value.reason is CtRefusalReason.CONTRADICTORY
    assert "in reverse" in refused.value.detail


@pytest.mark.parametrize("axes", REVERSED)
def test_front_or_head_of_the_low_dose_series_in_reverse_is_refused(
    volume: CtVolume, axes: tuple[int, ...]
) -> None:
    chest = thinned(volume)
    with pytest.raises(CtRefusedError) as refused:
        analyse_volume(_changed(chest, np.flip(chest.hounsfield, axes)))
    assert refused.value.reason is CtRefusalReason.CONTRADICTORY


@pytest.mark.parametrize("name", SCANS)
def test_a_mirrored_chest_has_no_grade(name: str) -> None:
    volume = scan(name)
    analysis = analyse_volume(_changed(volume, volume.hounsfield[:, :, ::-1]))
    assert Caution.HEART_RIGHT in analysis.doubts


@pytest.mark.parametrize("part", ["whole", "upper half", "lower half", "middle half"])
@pytest.mark.parametrize("name", SCANS)
def test_a_chest_that_lies_as_stated_is_not_doubted(name: str, part: str) -> None:
    volume = scan(name)
    levels = np.flatnonzero(find_lungs(volume).labels.any(axis=(1, 2)))
    top, quarter = int(levels[0]), len(levels) // 4
    begin, end = {
        "whole": (0, len(volume.hounsfield)),
        "upper half": (0, top + 2 * quarter),
        "lower half": (top + 2 * quarter, len(volume.hounsfield)),
        "middle half": (top + quarter, top + 3 * quarter),
    }[part]
    lungs = find_lungs(volume.part(range(begin, end)))
    axes = skeleton_axes(lungs.cavity.thorax, lungs.cavity.lungs)
    require_upright(lungs, axes)
    assert not is_orientation_unsure(lungs, axes)


@pytest.mark.parametrize("name", SCANS)
def test_a_patient_who_lies_face_down_is_measured_alike(name: str) -> None:
    """Pixels and header are turned together."""
    volume = scan(name)
    _, rows, columns = volume.geometry.shape
    geometry = dataclasses.replace(
        volume.geometry,
        rows_along=(0.0, -1.0, 0.0),
        columns_along=(-1.0, 0.0, 0.0),
        positions=tuple(
            volume.geometry.place(index, rows - 1, columns - 1)
            for index in range(len(volume.hounsfield))
        ),
    )
    prone = dataclasses.replace(
        volume,
        hounsfield=np.ascontiguousarray(volume.hounsfield[:, ::-1, ::-1]),
        geometry=geometry,
    )
    expected, found = analyse_volume(volume), analyse_volume(prone)
    for row, other in zip(expected.measurements, found.measurements, strict=True):
        assert other.volume_ml == pytest.approx(row.volume_ml, rel=0.01)
        assert other.percentage == pytest.approx(row.percentage, abs=0.5)
        assert other.severity is row.severity


@pytest.mark.parametrize("degrees", [-15.0, 15.0])
def test_the_heart_of_a_body_that_lies_turned_is_not_on_the_right(
    volume: CtVolume, degrees: float
) -> None:
    turned = analyse_volume(_turned(thinned(volume), degrees))
    assert Caution.HEART_RIGHT not in turned.cautions


@pytest.mark.parametrize("side", [RIGHT, LEFT])
def test_a_view_of_one_lung_is_refused_by_that_name(volume: CtVolume, side: int) -> None:
    """Which lung it is the image does not say; it was called out of order, or a wrong scale."""
    with pytest.raises(CtRefusedError) as refused:
        analyse_volume(_narrow(thinned(volume), side))
    assert refused.value.reason is CtRefusalReason.FIELD_OF_VIEW
