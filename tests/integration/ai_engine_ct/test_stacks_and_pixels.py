"""Slices whose pixels are not where their header says: refused by name, never measured."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from ai_engine.ct.analysis import analyse_volume
from ai_engine.ct.continuity import require_continuous, with_body
from ai_engine.ct.disease import Disease, Filling, Place, insert
from ai_engine.ct.lungs import LEFT, RIGHT, find_lungs
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.results import Caution
from ai_engine.ct.volume import CtVolume
from tests.integration.ai_engine_ct.thinning import thinned

Order = npt.NDArray[np.intp]


@pytest.fixture(scope="module")
def chest(volume: CtVolume) -> CtVolume:
    """With every second row and column: what is looked at here is larger."""
    return thinned(volume)


def _changed(volume: CtVolume, values: npt.NDArray[np.int16]) -> CtVolume:
    """Other pixels, with as many slices as there are."""
    geometry = volume.geometry.part(range(len(values)))
    return dataclasses.replace(volume, hounsfield=np.ascontiguousarray(values), geometry=geometry)


def _swapped(order: Order) -> Order:
    order[[60, 61]] = order[[61, 60]]
    return order


def _misplaced(order: Order) -> Order:
    return np.insert(np.delete(order, 60), 63, 60)


def _shuffled(order: Order) -> Order:
    order[40:80] = np.random.default_rng(1).permutation(order[40:80])
    return order


def _reversed_part(order: Order) -> Order:
    order[60:90] = order[60:90][::-1]
    return order


def _halves_swapped(order: Order) -> Order:
    return np.roll(order, 70)


def _five_lost(order: Order) -> Order:
    return np.delete(order, range(60, 65))


def _one_repeated(order: Order) -> Order:
    order[60:70] = order[60]
    return order


@pytest.mark.parametrize(
    ("reorder", "reason"),
    [
        (_swapped, CtRefusalReason.CONTRADICTORY),
        (_misplaced, CtRefusalReason.CONTRADICTORY),
        (_shuffled, CtRefusalReason.CONTRADICTORY),
        (_reversed_part, CtRefusalReason.CONTRADICTORY),
        (_halves_swapped, CtRefusalReason.CONTRADICTORY),
        (_five_lost, CtRefusalReason.CONTRADICTORY),
        (_one_repeated, CtRefusalReason.DUPLICATED_SLICES),
    ],
)
def test_slices_that_do_not_go_on_from_each_other_are_refused(
    chest: CtVolume, reorder: Callable[[Order], Order], reason: CtRefusalReason
) -> None:
    """Their positions are even: numbered anew, sorted wrongly or filled in by copies."""
    order = reorder(np.arange(len(chest.hounsfield)))
    with pytest.raises(CtRefusedError) as caught:
        require_continuous(_changed(chest, chest.hounsfield[order]))
    assert caught.value.reason is reason


@pytest.mark.parametrize("every", [1, 2, 3])
def test_a_body_goes_on_whatever_the_distance_of_its_slices(chest: CtVolume, every: int) -> None:
    require_continuous(_changed(chest, chest.hounsfield[::every]))


def test_a_body_goes_on_where_lungs_end_at_a_level(chest: CtVolume) -> None:
    lungs = find_lungs(chest).labels
    basal = Disease(place=Place.BASAL, filling=Filling.SOLID, share=0.4, lungs=(RIGHT, LEFT))
    require_continuous(insert(chest, lungs, basal).volume)


@pytest.mark.parametrize(("every", "levels"), [(1, range(60, 66)), (4, [20]), (4, [20, 22])])
def test_streaks_of_metal_are_no_leap(chest: CtVolume, every: int, levels: Sequence[int]) -> None:
    """Screws in a vertebra: bright and dark rays around them in some slices alone."""
    values = chest.hounsfield[::every].copy()
    rows, columns = np.indices(values.shape[1:]) - np.array([150, 128])[:, None, None]
    rays = np.sign(np.sin(9 * np.arctan2(rows, columns))) * np.exp(-np.hypot(rows, columns) / 80)
    for level in levels:
        values[level] = np.clip(values[level] + 500 * rays, -1024, 3071)
        values[level, 140:160, [118, 119, 120, 136, 137, 138]] = 3071
    require_continuous(_changed(chest, values))


@pytest.mark.parametrize("value", [-1024, 0])
def test_a_slice_without_an_image_is_missing(chest: CtVolume, value: int) -> None:
    """The lungs above it were stated as all that there is: half of their volume."""
    values = chest.hounsfield.copy()
    values[60] = value
    with pytest.raises(CtRefusedError, match="no image in slice 61") as caught:
        with_body(_changed(chest, values))
    assert caught.value.reason is CtRefusalReason.MISSING_SLICES


@pytest.mark.parametrize("axes", [(0,), (1,), (1, 2)])
def test_a_chest_that_is_turned_against_its_header_is_refused(
    chest: CtVolume, axes: tuple[int, ...]
) -> None:
    """Upside down, back to front, and turned by half a circle, which swaps the sides as well."""
    with pytest.raises(CtRefusedError) as caught:
        analyse_volume(_changed(chest, np.flip(chest.hounsfield, axes)))
    assert caught.value.reason is CtRefusalReason.CONTRADICTORY


def test_the_lower_part_of_a_chest_stands_upright(chest: CtVolume) -> None:
    """As of a CT of the heart or the belly: no windpipe is in it, but gas of stomach and colon."""
    analysis = analyse_volume(chest.part(range(70, len(chest.hounsfield))))
    assert Caution.CUT_OFF in analysis.doubts


def test_a_mirrored_chest_or_a_heart_on_the_right_has_no_grade(chest: CtVolume) -> None:
    analysis = analyse_volume(_changed(chest, chest.hounsfield[:, :, ::-1]))
    assert Caution.HEART_RIGHT in analysis.doubts
    assert {row.severity for row in analysis.measurements} == {None}
