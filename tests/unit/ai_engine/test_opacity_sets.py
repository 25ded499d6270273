"""Boxes of opacities from masks, beside those of sets that have boxes of their own."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.datasets.cxr import NO_FINDING, Split, read_cxr
from ai_engine.datasets.opacity_boxes import OPACITY, boxes_of_mask, compose_opacities
from ai_engine.errors import DatasetError
from ai_engine.kinds.detector.dataset import boxed_items
from ai_engine.prediction import Region
from tests.unit.ai_engine.boxed_layout import write_sample

SIDE = 100


def lungs() -> np.ndarray:
    made = np.zeros((SIDE, SIDE), bool)
    made[20:80, 10:40] = made[20:80, 60:90] = True
    return made


def test_each_lung_has_boxes_of_its_own_and_specks_have_none() -> None:
    opacity = np.zeros((SIDE, SIDE), bool)
    opacity[30:50, 20:62] = True  # across the middle: a box for either lung
    opacity[70:72, 80:82] = True
    assert boxes_of_mask(opacity, lungs()) == (
        Region(left=20, top=30, right=50, bottom=50),
        Region(left=50, top=30, right=62, bottom=50),
    )
    assert boxes_of_mask(np.zeros((SIDE, SIDE), bool), lungs()) == ()


def test_what_is_near_is_in_one_box_and_what_is_far_is_not() -> None:
    opacity = np.zeros((SIDE, SIDE), bool)
    opacity[30:40, 12:30] = opacity[42:50, 12:30] = opacity[65:75, 12:30] = True
    found = boxes_of_mask(opacity, lungs())
    assert [(box.top, box.bottom) for box in found] == [(30, 50), (65, 75)]


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    folder = tmp_path / "outlined"
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for at in range(6):
        grey = np.random.default_rng(at).integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
        cv2.imwrite(str(folder / "images" / f"c{at}.png"), grey)
        cv2.imwrite(str(folder / "masks" / f"c{at}_lungs.png"), np.uint8(255) * lungs())
    opacity = np.zeros((SIDE, SIDE), np.uint8)
    opacity[30:60, 15:35] = 255
    cv2.imwrite(str(folder / "masks" / "c0_opacity.png"), opacity)
    speck = np.zeros((SIDE, SIDE), np.uint8)
    speck[30:32, 15:17] = 255
    cv2.imwrite(str(folder / "masks" / "c1_opacity.png"), speck)
    return folder


@pytest.fixture
def boxed(tmp_path: Path) -> Path:
    folder = tmp_path / "boxed"
    (folder / "images").mkdir(parents=True)
    for name in ("ill", "well", "other"):
        cv2.imwrite(str(folder / "images" / f"{name}.png"), np.full((SIDE, SIDE), 99, np.uint8))
    (folder / "labels.csv").write_text(
        "file,patient_id,age,sex,view,split,Pneumonia,Mass,No_Finding\n"
        "ill.png,1,40,F,PA,test,1,0,0\nwell.png,2,,M,AP,train,0,0,1\n"
        "other.png,3,50,M,AP,train,0,1,0\n"
    )
    (folder / "boxes.csv").write_text(
        "file,label,x,y,width,height\nill.png,Pneumonia,10,20,30,40\nother.png,Mass,1,2,30,40\n"
    )
    return folder


def test_a_set_is_put_together_that_a_detector_learns_from(
    tmp_path: Path, masks: Path, boxed: Path
) -> None:
    counts = compose_opacities(masks, [boxed], tmp_path / "set")
    assert counts == {"outlined": 1, "boxed": 1}
    made = read_cxr(tmp_path / "set")
    assert made.labels == (OPACITY, NO_FINDING)
    items = {each.item.file: each for each in boxed_items(made, Split.TRAIN)}
    # What is too small for a box says neither that there is an opacity nor that there is none, and
    # a mass is no opacity.
    assert set(items) == {
        *("outlined-c0.png", "outlined-c2.png", "outlined-c3.png", "outlined-c4.png"),
        *("outlined-c5.png", "boxed-ill.png", "boxed-well.png"),
    }
    (box,) = items["outlined-c0.png"].boxes
    assert box == Region(left=15, top=30, right=35, bottom=60)
    (box,) = items["boxed-ill.png"].boxes
    assert box == Region(left=10, top=20, right=40, bottom=60)
    patients = {name: each.item.patient_id for name, each in items.items()}
    assert patients["outlined-c0.png"] == patients["outlined-c3.png"]
    assert patients["outlined-c3.png"] != patients["outlined-c4.png"]
    assert {each.item.device for each in items.values()} == {"outlined", "boxed"}


def test_what_cannot_be_is_told(tmp_path: Path, masks: Path) -> None:
    with pytest.raises(DatasetError, match="is not empty"):
        compose_opacities(masks, [], masks)
    with pytest.raises(DatasetError, match="no images"):
        compose_opacities(tmp_path / "nothing", [], tmp_path / "set")


@pytest.mark.parametrize(
    ("name", "pixels", "words"),
    [
        ("masks/c0_opacity.png", np.zeros((5, 5), np.uint8), "not the size of its image"),
        ("masks/c0_lungs.png", np.full((5, 5), 255, np.uint8), "not the size of its image"),
        # Both masks are of one size: the boxes would lie elsewhere on the image.
        ("images/c0.png", np.zeros((50, 50), np.uint8), "not the size of its image"),
        ("masks/c0_lungs.png", np.zeros((SIDE, SIDE), np.uint8), "has no lungs"),
    ],
)
def test_masks_that_do_not_lie_on_their_image_are_told(
    tmp_path: Path, masks: Path, name: str, pixels: np.ndarray, words: str
) -> None:
    cv2.imwrite(str(masks / name), pixels)
    with pytest.raises(DatasetError, match=words):
        compose_opacities(masks, [], tmp_path / "set")


@pytest.mark.parametrize("name", ["images/c0.png", "masks/c0_lungs.png"])
def test_files_that_break_off_are_told(tmp_path: Path, masks: Path, name: str) -> None:
    whole = (masks / name).read_bytes()
    (masks / name).write_bytes(whole[:20])
    with pytest.raises(DatasetError, match=r"c0.*cannot be read"):
        compose_opacities(masks, [], tmp_path / "set")


def test_no_image_goes_into_a_set_twice(tmp_path: Path, masks: Path, boxed: Path) -> None:
    """As two patients it would be learned from and measured on."""
    with pytest.raises(DatasetError, match=r"both would be boxed-ill\.png"):
        compose_opacities(masks, [boxed, boxed], tmp_path / "set")
    again = tmp_path / "again"
    shutil.copytree(boxed, again)
    # Within one set, images may be alike.
    with pytest.raises(DatasetError, match=r"again/images/ill\.png and .*boxed.* are one image"):
        compose_opacities(masks, [boxed, again], tmp_path / "set")


def test_a_set_of_the_challenge_is_read_as_it_is_distributed(tmp_path: Path, masks: Path) -> None:
    """With the images of both its classes without opacity."""
    rsna = write_sample(tmp_path / "rsna", patients=6)
    assert compose_opacities(masks, [rsna], tmp_path / "set") == {"outlined": 1, "rsna": 2}
    made = read_cxr(tmp_path / "set")
    own = [one for one in boxed_items(made, Split.TRAIN) if one.item.device == "rsna"]
    assert [len(one.boxes) for one in own] == [0, 1, 0, 0, 1, 0]
    assert made.image(own[0].item).shape == (256, 256)


def test_a_set_that_has_nothing_to_give_is_told(tmp_path: Path, masks: Path, boxed: Path) -> None:
    table = boxed / "labels.csv"
    table.write_text(table.read_text().replace("2,,M,AP", "2,,M,lateral"))
    counts = compose_opacities(masks, [boxed], tmp_path / "set")
    assert counts["boxed"] == 1
    # Laterals are no images that this is learned from.
    assert not (tmp_path / "set" / "images" / "boxed-well.png").exists()
    (boxed / "boxes.csv").unlink()
    with pytest.raises(DatasetError, match="boxed: no image has a box of Consolidation"):
        compose_opacities(masks, [boxed], tmp_path / "other")
