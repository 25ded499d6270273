"""Which lung is which, where maps lie, and how masks are compared."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.errors import DatasetError
from ai_engine.inference.backend import Activation, FloatArray
from ai_engine.kinds.lungs.dataset import read_lungs
from ai_engine.kinds.lungs.segmenter import (
    COARSE_SIDE,
    LungOutline,
    LungSegmenter,
    separate,
)
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import Label
from ai_engine.measures.overlap import dice, intersection_over_union, mean_interval
from ai_engine.prediction import Region
from ai_engine.preprocessing.planes import map_on_source, view_of_mask
from ai_engine.preprocessing.radiograph import Radiograph

SHAPE = (100, 120)


def rectangles(*places: tuple[int, int, int, int]) -> np.ndarray:
    """A mask with rectangles of left, top, right and bottom."""
    mask = np.zeros(SHAPE, dtype=np.bool_)
    for left, top, right, bottom in places:
        mask[top:bottom, left:right] = True
    return mask


LEFT, RIGHT = (15, 20, 50, 90), (70, 20, 105, 90)


def test_two_areas_are_the_lungs_and_specks_are_dropped() -> None:
    image_left, image_right = separate(rectangles(LEFT, RIGHT, (58, 2, 62, 5)))
    np.testing.assert_array_equal(image_left, rectangles(LEFT))
    np.testing.assert_array_equal(image_right, rectangles(RIGHT))


def test_holes_belong_to_the_lung() -> None:
    mask = rectangles(LEFT, RIGHT)
    mask[40:50, 25:35] = False
    np.testing.assert_array_equal(separate(mask)[0], rectangles(LEFT))


def test_lungs_that_touch_are_parted_where_they_are_narrowest() -> None:
    image_left, image_right = separate(rectangles(LEFT, RIGHT, (50, 50, 70, 53)))
    assert not (image_left & image_right).any()
    assert dice(image_left, rectangles(LEFT)) > 0.97
    assert dice(image_right, rectangles(RIGHT)) > 0.97


def test_one_lung_alone_lies_on_its_side() -> None:
    assert not separate(rectangles(LEFT))[1].any()
    assert not separate(rectangles(RIGHT))[0].any()
    assert not np.any(separate(rectangles()))


def test_a_mask_comes_back_from_the_view_where_it_was() -> None:
    mask = rectangles(LEFT, RIGHT)
    region = Region(left=5, top=-5, right=115, bottom=105)
    view = view_of_mask(mask, region, 256)
    back = map_on_source(view.astype(np.float32), region, SHAPE) >= 0.5
    assert dice(back, mask) > 0.99


class _HalfDark:
    """Finds lung wherever the view is darker than its mean."""

    def predict(self, batch: FloatArray) -> Activation:
        return Activation(
            probabilities=(batch < 0).astype(np.float32), features=np.zeros((2, 1, 1, 1))
        )


@pytest.mark.parametrize("flip_averaging", [True, False])
def test_a_radiograph_is_outlined_on_its_own_grid(flip_averaging: bool) -> None:
    truth = rectangles(LEFT, RIGHT)
    pixels = np.where(truth, 0.2, 0.8).astype(np.float32)
    content = Region(left=0, top=0, right=120, bottom=100)
    card = dataclasses.replace(
        chest_card(Path()),
        kind="segmenter",
        input_size=128,
        flip_averaging=flip_averaging,
        labels=(Label(name="Lungs", title="Lungs", threshold=0.5),),
    )
    segmenter = LungSegmenter(card, _HalfDark())
    found = segmenter.segment(Radiograph(sop_instance_uid="1.2", pixels=pixels, content=content))
    assert found.model == card.identity
    assert dice(found.image_left, rectangles(LEFT)) > 0.95
    assert dice(found.both, truth) > 0.95


@pytest.mark.parametrize("shape", [(100, 120), (2500, 2048), (1301, 3999)])
def test_the_coarse_outline_is_the_images_own_but_for_its_border(shape: tuple[int, int]) -> None:
    rows, columns = shape
    probabilities = np.zeros((256, 256), dtype=np.float32)
    probabilities[60:200, 40:110] = probabilities[50:190, 140:215] = 1
    side = max(shape)
    outline = LungOutline(
        model=chest_card(Path()).identity,
        probabilities=cv2.GaussianBlur(probabilities, (0, 0), 3),
        region=Region(
            left=(columns - side) / 2,
            top=(rows - side) / 2,
            right=(columns + side) / 2,
            bottom=(rows + side) / 2,
        ),
        shape=shape,
        threshold=0.5,
    )
    fine, coarse = outline.fields(), outline.coarse()
    assert max(coarse.both.shape) == min(max(shape), COARSE_SIDE)
    for one, other in (
        (fine.image_left, coarse.image_left),
        (fine.image_right, coarse.image_right),
    ):
        assert one.any()
        enlarged = cv2.resize(
            other.view(np.uint8), (columns, rows), interpolation=cv2.INTER_NEAREST
        ).view(np.bool_)
        assert dice(one, enlarged) > 0.995


def test_overlap_measures_and_their_interval() -> None:
    a, b = rectangles((0, 0, 20, 10)), rectangles((10, 0, 30, 10))
    assert dice(a, b) == pytest.approx(0.5)
    assert intersection_over_union(a, b) == pytest.approx(1 / 3)
    assert dice(rectangles(), rectangles()) == 1
    interval = mean_interval([0.9, 0.95, 1.0])
    assert interval.value == pytest.approx(0.95)
    assert interval.low <= interval.value <= interval.high


def test_a_folder_of_lungs_is_read_and_its_faults_are_named(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    with pytest.raises(DatasetError, match="holds no images"):
        read_lungs(tmp_path)
    cv2.imwrite(str(tmp_path / "images" / "publication-fig1.png"), np.zeros((8, 9), np.uint8))
    with pytest.raises(DatasetError, match=r"masks/publication-fig1\.png: missing"):
        read_lungs(tmp_path)
    mask = tmp_path / "masks" / "publication-fig1_mask.png"
    cv2.imwrite(str(mask), np.full((8, 9), 255, np.uint8))
    (item,) = read_lungs(tmp_path)
    assert item.read()[1].all()
    assert item.source == "publicatio"
    cv2.imwrite(str(mask), np.full((9, 8), 255, np.uint8))
    with pytest.raises(DatasetError, match="8 x 9 pixels"):
        item.read()


def test_montgomerys_lungs_are_joined_and_shenzhens_unmasked_images_left_out(
    tmp_path: Path,
) -> None:
    left, right = np.zeros((8, 9), np.uint8), np.zeros((8, 9), np.uint8)
    left[:, 5:], right[:, :3] = 255, 255
    written = {
        "montgomery/CXR_png/MCUCXR_0001_0.png": left,
        "montgomery/ManualMask/leftMask/MCUCXR_0001_0.png": left,
        "montgomery/ManualMask/rightMask/MCUCXR_0001_0.png": right,
        "shenzhen/CXR_png/CHNCXR_0001_0.png": left,
        "shenzhen/CXR_png/CHNCXR_0002_0.png": left,
        "shenzhen/mask/CHNCXR_0001_0_mask.png": left,
    }
    for name, image in written.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / name), image)
    (item,) = read_lungs(tmp_path / "montgomery")
    assert np.array_equal(item.read()[1], (left | right) > 0)
    (item,) = read_lungs(tmp_path / "shenzhen")
    assert item.image.stem == "CHNCXR_0001_0"
    (tmp_path / "shenzhen/mask/CHNCXR_0001_0_mask.png").unlink()
    with pytest.raises(DatasetError, match="no image of CXR_png has masks"):
        read_lungs(tmp_path / "shenzhen")
