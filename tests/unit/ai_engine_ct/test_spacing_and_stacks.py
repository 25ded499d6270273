"""Spacing from rounded positions, gaps by name, and what else lies in a series of slices."""

import copy
from collections.abc import Callable

import pytest
from pydicom import Dataset

from ai_engine.ct.prediction import CtPrediction
from ai_engine.ct.predictor import load_classical
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError
from ai_engine.ct.series import list_series
from ai_engine.ct.testing import ct_datasets, phantom
from ai_engine.ct.volume import read_volume
from ai_engine.library.registry import ModelRegistry

pytestmark = pytest.mark.slow

SIZE = {"shape": (60, 96, 128), "spacing": (4.0, 2.6, 2.6)}


def written_to(decimals: int, step: float, count: int) -> list[Dataset]:
    """Slices ``step`` mm apart whose positions are written with so many decimals."""
    slices = ct_datasets(phantom(shape=(count, 24, 32), spacing=(step, 10.0, 10.0)))
    for index, entry in enumerate(slices):
        entry.ImagePositionPatient = ["0", "0", f"{-step * index:.{decimals}f}"]
    return slices


@pytest.mark.parametrize(
    ("step", "count"), [(1.25, 190), (0.625, 300), (0.75, 300), (0.8, 200), (2.5, 80), (0.33, 300)]
)
def test_spacing_is_right_where_positions_are_written_to_a_tenth(step: float, count: int) -> None:
    """The whole length over the number of steps: rounding counts once, not in each step."""
    (spacing, _, _) = read_volume(written_to(1, step, count)).geometry.spacing
    assert spacing == pytest.approx(step, rel=0.0015)


def test_exact_positions_give_the_exact_spacing() -> None:
    assert read_volume(written_to(3, 0.625, 200)).geometry.spacing[0] == pytest.approx(0.625)


def test_uneven_slices_are_refused_however_they_are_written() -> None:
    slices = written_to(1, 1.25, 60)
    for index, entry in enumerate(slices[30:]):
        entry.ImagePositionPatient[2] = f"{-1.25 * 30 - 1.7 * index:.1f}"
    with pytest.raises(CtRefusedError) as caught:
        read_volume(slices)
    assert caught.value.reason is CtRefusalReason.UNEVEN_SPACING


def test_gaps_are_named_by_place_and_size() -> None:
    slices = written_to(2, 1.25, 100)
    with pytest.raises(CtRefusedError) as caught:
        read_volume([*slices[:40], *slices[43:70], *slices[71:]])
    assert caught.value.reason is CtRefusalReason.MISSING_SLICES
    assert caught.value.detail.startswith("about 3 after slice 40, about 1 after slice 67")


@pytest.mark.parametrize(("count", "words"), [(1, "1 slice"), (19, "19 slices")])
def test_too_few_slices_are_counted_in_plain_words(count: int, words: str) -> None:
    with pytest.raises(CtRefusedError) as caught:
        read_volume(written_to(2, 1.25, count))
    assert caught.value.detail == f"{words}, at least 20 are needed"


@pytest.mark.parametrize(
    ("gaps", "words"), [(4, "and in 1 more place"), (5, "and in 2 more places")]
)
def test_gaps_that_are_not_named_are_counted(gaps: int, words: str) -> None:
    left_out = {10 * gap for gap in range(1, gaps + 1)}
    slices = written_to(2, 1.25, 200)
    with pytest.raises(CtRefusedError) as caught:
        read_volume([one for index, one in enumerate(slices) if index not in left_out])
    assert f", {words} (counted from the head)" in caught.value.detail


def test_a_series_of_one_slice_is_said_so() -> None:
    (series,), _ = list_series(written_to(2, 1.25, 1))
    assert series.words.startswith("1 axial slice,")


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("ImageOrientationPatient", [0, 1, 0, -1, 0, 0]), ("PatientPosition", "HFDL")],
)
def test_a_patient_on_the_side_is_named_as_decubitus(keyword: str, value: object) -> None:
    slices = written_to(2, 4.0, 40)
    for entry in slices:
        setattr(entry, keyword, value)
    with pytest.raises(CtRefusedError) as caught:
        read_volume(slices)
    assert caught.value.reason is CtRefusalReason.DECUBITUS


def predicted(datasets: list[Dataset]) -> CtPrediction:
    by_uid = {str(each.SOPInstanceUID): each for each in datasets}
    card = ModelRegistry().card("ct-high-attenuation", "1.0.0")
    return load_classical(card).predict(datasets, by_uid.__getitem__)


def test_a_scout_that_does_not_say_so_is_named_and_the_slices_measured() -> None:
    slices = ct_datasets(phantom(**SIZE))
    scout = copy.deepcopy(slices[0])
    scout.SOPInstanceUID = "1.2.3.99"
    scout.ImageOrientationPatient = [1, 0, 0, 0, 0, -1]
    prediction = predicted([scout, *slices])
    assert prediction.analysed == {str(each.SOPInstanceUID) for each in slices}
    (left,) = prediction.left_out
    assert left.sop_instance_uids == ("1.2.3.99",)
    assert left.reason.startswith("not of the stack that was analysed")
    assert "2 stacks of images that do not belong together" in prediction.choice
    assert prediction.refusals == ()


def test_of_two_acquisitions_in_one_series_the_whole_one_is_measured() -> None:
    slices = ct_datasets(phantom(**SIZE))
    second = [copy.deepcopy(each) for each in slices[10:50]]
    for number, each in enumerate(slices):
        each.AcquisitionNumber = 1
        each.SOPInstanceUID = f"1.2.3.1.{number}"
    for number, each in enumerate(second):
        each.AcquisitionNumber = 2
        each.SOPInstanceUID = f"1.2.3.2.{number}"
    prediction = predicted([*second, *slices])
    assert prediction.analysed == {each.SOPInstanceUID for each in slices}
    (left,) = prediction.left_out
    assert set(left.sop_instance_uids) == {each.SOPInstanceUID for each in second}
    assert left.reason.startswith("another acquisition of the same series was analysed")


def test_of_two_thicknesses_in_one_series_the_thinner_is_taken() -> None:
    slices = ct_datasets(phantom(**SIZE))
    thick = [copy.deepcopy(each) for each in slices[::2]]
    for each in slices:
        each.SliceThickness = 4
    for number, each in enumerate(thick):
        each.SOPInstanceUID, each.SliceThickness = f"1.2.3.2.{number}", 8
    (chosen, other), _ = list_series([*thick, *slices])
    assert (chosen.step, other.step, chosen.stacks) == (4.0, 8.0, 2)


def test_a_slice_sent_twice_parts_nothing() -> None:
    slices = ct_datasets(phantom(**SIZE))
    again = copy.deepcopy(slices[7])
    again.SOPInstanceUID = "1.2.3.99"
    (series, *more), _ = list_series([*slices, again])
    assert (more, series.stacks) == ([], 1)


def test_a_slice_sent_again_as_another_object_is_left_out_with_a_word() -> None:
    slices = ct_datasets(phantom(**SIZE))
    again = copy.deepcopy(slices[7])
    again.SOPInstanceUID = "1.2.900"
    first, second = sorted((str(again.SOPInstanceUID), str(slices[7].SOPInstanceUID)))
    prediction = predicted([again, *slices])
    assert prediction.refusals == ()
    assert len(prediction.analysed) == len(slices)
    assert first in prediction.analysed
    (left,) = prediction.left_out
    assert left.sop_instance_uids == (second,)
    assert left.reason == "the same slice was sent as another object, too, which was analysed"


def test_another_slice_at_the_same_place_is_refused() -> None:
    """Which of them holds is not known."""
    slices = ct_datasets(phantom(**SIZE))
    other = copy.deepcopy(slices[7])
    other.SOPInstanceUID, other.PixelData = "1.2.900", slices[8].PixelData
    (refusal,) = predicted([other, *slices]).refusals
    assert refusal.reason is CtRefusalReason.DUPLICATED_SLICES


def numbered(slices: list[Dataset], second: list[Dataset], offset: float) -> list[Dataset]:
    """Two acquisitions in one series, of which the second lies ``offset`` mm lower."""
    for number, each in enumerate(slices):
        each.InstanceNumber = number + 1
    for number, each in enumerate(second):
        each.SOPInstanceUID = f"1.2.3.2.{number}"
        each.InstanceNumber = len(slices) + number + 1
        x, y, z = each.ImagePositionPatient
        each.ImagePositionPatient = [x, y, float(z) - offset]
    return [*second, *slices]


def acquisitions(slices: list[Dataset], second: list[Dataset]) -> None:
    for part, number in ((slices, 3), (second, 4)):
        for each in part:
            each.AcquisitionNumber = number


def times(slices: list[Dataset], second: list[Dataset]) -> None:
    """Each slice its own, as of a spiral."""
    for number, each in enumerate([*slices, *second]):
        each.AcquisitionTime = f"1015{number // 10:02}.{number % 10}00000"


def times_back(slices: list[Dataset], second: list[Dataset]) -> None:
    """The second scan runs from feet to head."""
    times(slices, second[::-1])


def nothing(_slices: list[Dataset], _second: list[Dataset]) -> None:
    """Only the instance numbers tell."""


@pytest.mark.parametrize("offset", [0.0, 2.0], ids=["same places", "between each other"])
@pytest.mark.parametrize("told_by", [acquisitions, times, times_back, nothing])
def test_two_scans_of_one_region_in_one_series_are_parted(
    told_by: Callable[[list[Dataset], list[Dataset]], None], offset: float
) -> None:
    """At half a step from each other, they would look like one thinner stack."""
    slices = written_to(2, 4.0, 60)
    second = copy.deepcopy(slices)
    told_by(slices, second)
    stacks, _ = list_series(numbered(slices, second, offset))
    assert [(each.step, each.count, each.stacks) for each in stacks] == [(4.0, 60, 2)] * 2
    of = {frozenset(each.sop_instance_uids) for each in stacks}
    assert frozenset(str(each.SOPInstanceUID) for each in slices) in of


@pytest.mark.parametrize("each", [1, 4, 30])
def test_a_scan_in_steps_is_one_stack(each: int) -> None:
    """Whether a scanner counts every slice, detector position or bed as an acquisition."""
    slices = written_to(2, 4.0, 60)
    for number, entry in enumerate(slices):
        entry.AcquisitionNumber = number // each
        entry.AcquisitionTime = f"1015{number // each:02}"
        entry.InstanceNumber = 60 - number
    (stack,), _ = list_series(slices)
    assert (stack.step, stack.count, stack.stacks) == (4.0, 60, 1)


def test_acquisitions_by_turns_in_one_stack_that_are_none_alone_stay_together() -> None:
    slices = written_to(2, 4.0, 60)
    for number, entry in enumerate(slices):
        entry.AcquisitionNumber = number // 2 % 2
    (stack,), _ = list_series(slices)
    assert (stack.step, stack.count, stack.stacks) == (4.0, 60, 1)


@pytest.mark.parametrize("keyword", ["TriggerTime", "ImageComments"])
def test_phases_of_one_breath_or_beat_are_parted(keyword: str) -> None:
    phases = []
    for percent in (0, 25, 50):
        for number, entry in enumerate(written_to(2, 4.0, 30)):
            entry.SOPInstanceUID = f"1.2.3.{percent}.{number}"
            setattr(entry, keyword, str(percent))
            phases.append(entry)
    stacks, _ = list_series(phases)
    assert [(each.step, each.count, each.stacks) for each in stacks] == [(4.0, 30, 3)] * 3
