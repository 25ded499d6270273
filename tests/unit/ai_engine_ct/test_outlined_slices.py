"""Pictures of CT slices: grey values become Hounsfield units, masks keep their place."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.ct.dataset import load_lungs, load_mask, load_volume, read_mosmed
from ai_engine.ct.lesion_sets import OUTLINED, SLICE_SPACING, add_slices
from ai_engine.ct.outlined_slices import (
    AIR,
    LUNG,
    SOFT_TISSUE,
    hounsfield_of,
    lungs_of,
    read_outlined,
    varied,
)
from ai_engine.datasets.cxr import Split
from ai_engine.errors import DatasetError

LESION = np.s_[30:40, 14:24]


def picture(lung: int, soft: int) -> tuple[np.ndarray, np.ndarray]:
    """Two lungs in a chest, a lesion half as dense in the left half; and where that one is."""
    values = np.full((60, 80), soft, np.uint8)
    values[10:50, 8:34] = values[10:50, 46:72] = lung
    mask = np.zeros(values.shape, np.uint8)
    mask[LESION] = 255
    values[LESION] = (lung + soft) // 2
    return values, mask


@pytest.mark.parametrize(("lung", "soft"), [(20, 220), (100, 180), (0, 60)])
def test_two_densities_say_what_grey_values_were(lung: int, soft: int) -> None:
    values = hounsfield_of(picture(lung, soft)[0])
    assert values[20, 15] == pytest.approx(LUNG, abs=15)
    assert values[2, 40] == pytest.approx(SOFT_TISSUE, abs=15)
    assert values[35, 18] == pytest.approx((LUNG + SOFT_TISSUE) / 2, abs=15)


def test_lungs_hold_what_lies_dense_in_them() -> None:
    dense, mask = picture(20, 220)
    dense[mask > 0] = 220
    lungs = lungs_of(hounsfield_of(dense))
    assert lungs[mask > 0].all()
    assert not lungs[:8].any()
    assert not lungs[:, 38:42].any()


def test_air_around_the_body_is_no_lung() -> None:
    values = np.pad(picture(20, 220)[0], 12, constant_values=0)
    assert not lungs_of(hounsfield_of(values))[:10].any()


@pytest.mark.parametrize(
    ("flat", "words"), [(200, "no air is seen"), (0, "no air is seen")], ids=["white", "black"]
)
def test_a_picture_without_lungs_is_told(folder: Path, flat: int, words: str) -> None:
    cv2.imwrite(str(folder / "images" / "a.png"), np.full((60, 80), flat, np.uint8))
    with pytest.raises(DatasetError, match=f"a: {words}"):
        list(read_outlined(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "slices"
    for kind in ("images", "masks"):
        (place / kind).mkdir(parents=True)
    values, mask = picture(30, 210)
    for name in ("a", "b"):
        cv2.imwrite(str(place / "images" / f"{name}.png"), values)
        cv2.imwrite(str(place / "masks" / f"{name}.png"), mask)
    (place / "split.csv").write_text("image,part\na,train\nb,test\n")
    return place


def test_copies_differ_in_grey_and_not_in_what_is_outlined(folder: Path) -> None:
    first = next(read_outlined(folder))
    rng = np.random.default_rng(1)
    copies = [varied(first, rng) for _ in range(6)]
    assert len({copy.hounsfield.tobytes() for copy in copies}) == len(copies)
    assert {copy.lesions[:, ::-1].tobytes() for copy in copies} | {
        copy.lesions.tobytes() for copy in copies
    } == {first.lesions.tobytes(), first.lesions[:, ::-1].tobytes()}
    for copy in copies:
        inside = copy.hounsfield[copy.lesions].mean()
        assert copy.hounsfield[copy.lungs & ~copy.lesions].mean() < inside - 200
        assert (copy.hounsfield[0] == AIR).all()


def test_a_slice_becomes_a_study_with_copies_to_train_on_alone(
    folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "set"
    rows = add_slices(read_outlined(folder), out, after=0, copies=3, seed=1)
    assert rows == [
        ("study_0001", Split.TRAIN, f"{OUTLINED}/a", OUTLINED),
        ("study_0002", Split.TEST, f"{OUTLINED}/b", OUTLINED),
    ]
    studies = read_mosmed(out)
    assert [len(load_volume(study).hounsfield) for study in studies] == [4, 1]
    for study in studies:
        mask, lungs, volume = load_mask(study), load_lungs(study), load_volume(study)
        assert mask is not None
        assert lungs is not None
        assert mask.shape == lungs.shape == volume.hounsfield.shape
        assert volume.geometry.spacing == pytest.approx(SLICE_SPACING)
        assert (mask & lungs).sum() == mask.sum() > 0
    last = studies[1]
    drawn, volume = load_mask(last), load_volume(last)
    assert drawn is not None
    assert np.median(volume.hounsfield[drawn]) == pytest.approx((LUNG + SOFT_TISSUE) / 2, abs=20)


def test_masks_of_another_size_and_strange_tables_are_told(folder: Path) -> None:
    cv2.imwrite(str(folder / "masks" / "b.png"), np.zeros((10, 10), np.uint8))
    with pytest.raises(DatasetError, match="mask and picture of b are not of one size"):
        list(read_outlined(folder))
    (folder / "split.csv").write_text("image,part\na,somewhere\n")
    with pytest.raises(DatasetError, match="needs the columns image and part"):
        list(read_outlined(folder))
    (folder / "split.csv").write_text("image,part\nc,train\n")
    with pytest.raises(DatasetError, match="c: no picture that can be read"):
        list(read_outlined(folder))


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "names no slices"),
        ("image,part\n", "names no slices"),
        ("image,part\na,train\nb,valid\na,test\n", "a is named 2 times"),
        ("image,part,patient\na,train,9\nb,test,9\n", "slices of 9 are in two parts"),
    ],
)
def test_what_is_trained_on_is_not_tested_on(folder: Path, table: str, words: str) -> None:
    (folder / "split.csv").write_text(table)
    with pytest.raises(DatasetError, match=words):
        list(read_outlined(folder))


def test_slices_without_a_table_are_told(folder: Path) -> None:
    (folder / "split.csv").unlink()
    with pytest.raises(DatasetError, match=r"split.csv: cannot be read \(No such file"):
        list(read_outlined(folder))


def test_patients_of_slices_are_kept_where_they_are_known(folder: Path) -> None:
    (folder / "split.csv").write_text("image,part,patient\na,train,9\nb,train,9\n")
    assert [one.patient for one in read_outlined(folder)] == ["9", "9"]
    (folder / "split.csv").write_text("image,part\na,train\nb,test\n")
    assert [one.patient for one in read_outlined(folder)] == ["a", "b"]
