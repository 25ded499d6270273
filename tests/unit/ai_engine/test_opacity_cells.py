"""A detector's cells, and what it has to be better than: boxes that are usual in lungs."""

import numpy as np
import pytest

from ai_engine.kinds.boxes import overlap
from ai_engine.kinds.detector.batches import moved_region
from ai_engine.kinds.detector.cells import STRIDE, cell_targets, centres, found_boxes, region_of
from ai_engine.kinds.detector.lung_boxes import lung_regions, usual_boxes
from ai_engine.kinds.detector.metrics import BoxedImage, clear_share, precision_gain
from ai_engine.prediction import FoundBox, Region

SIZE = 160
BOX = [20.0, 40.0, 70.0, 140.0]


def decoded(targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a network that says exactly this has found."""
    across, down = centres(SIZE)
    middles = np.stack([across, down, across, down], axis=-1)
    edges = middles + targets[..., 2:] * np.array([-1, -1, 1, 1]) * SIZE
    scores = targets[..., 0] * targets[..., 1]
    return edges.reshape(-1, 4).astype(np.float32), scores.ravel().astype(np.float32)


@pytest.mark.parametrize("boxes", [[BOX], [BOX, [90.0, 30.0, 150.0, 60.0]], [[70, 70, 78, 76]]])
def test_cells_that_say_what_they_were_taught_give_the_boxes_back(boxes: list[list[float]]) -> None:
    edges, scores = decoded(cell_targets(np.array(boxes, np.float32), SIZE))
    found = found_boxes(edges, scores, lowest=0.9)
    assert len(found) == len(boxes)
    for box in boxes:
        best = max(overlap(region_of(box), one.region) for one in found)
        assert best == pytest.approx(1.0, abs=1e-4)


def test_an_image_without_boxes_teaches_that_there_are_none() -> None:
    made = cell_targets(np.zeros((0, 4), np.float32), SIZE)
    assert made.shape == (SIZE // STRIDE, SIZE // STRIDE, 6)
    assert not made.any()


def test_the_smaller_of_two_boxes_has_the_cells_that_both_have() -> None:
    small = [40.0, 80.0, 60.0, 100.0]
    made = cell_targets(np.array([small, BOX], np.float32), SIZE)
    across, down = centres(SIZE)
    at = np.unravel_index(np.argmin((across - 50) ** 2 + (down - 90) ** 2), across.shape)
    assert made[(*at, 2)] * SIZE == pytest.approx(across[at] - small[0])


LUNGS = (
    Region(left=20, top=20, right=60, bottom=120),
    Region(left=90, top=20, right=140, bottom=120),
)


def lower_half(lung: Region) -> Region:
    return Region(left=lung.left, top=70, right=lung.right, bottom=lung.bottom)


def test_what_is_usual_in_lungs_is_carried_to_other_lungs() -> None:
    usual = usual_boxes([(LUNGS, [lower_half(LUNGS[0])])] * 3 + [(LUNGS, [lower_half(LUNGS[1])])])
    wide = (
        Region(left=0, top=0, right=50, bottom=200),
        Region(left=100, top=0, right=150, bottom=200),
    )
    first, second = usual.of(wide)
    assert first.region == Region(left=0, top=100, right=50, bottom=200)
    assert (first.probability, second.probability) == (0.75, 0.25)
    assert second.region == Region(left=100, top=100, right=150, bottom=200)


def test_lungs_are_the_two_largest_areas_from_the_left() -> None:
    mask = np.zeros((100, 100), bool)
    mask[20:80, 60:90] = mask[30:80, 10:40] = mask[2:4, 2:4] = True
    assert lung_regions(mask) == (
        Region(left=10, top=30, right=40, bottom=80),
        Region(left=60, top=20, right=90, bottom=80),
    )
    assert lung_regions(np.zeros((10, 10), bool)) == ()


def test_regions_move_to_the_view_that_is_served() -> None:
    content = Region(left=10, top=0, right=110, bottom=200)
    moved = moved_region(Region(left=10, top=0, right=60, bottom=100), content, 100)
    edges = (moved.left, moved.top, moved.right, moved.bottom)
    assert edges == pytest.approx((25, 0, 50, 50))


def image(patient: str, found: list[Region], truth: list[Region], sure: float) -> BoxedImage:
    boxes = tuple(FoundBox(region=region, probability=sure) for region in found)
    return BoxedImage(patient=patient, found=boxes, truth=tuple(truth))


def test_gains_are_of_the_same_images() -> None:
    right = [image(str(at), [LUNGS[0]], [LUNGS[0]], 0.9) for at in range(8)]
    wrong = [image(str(at), [LUNGS[1]], [LUNGS[0]], 0.9) for at in range(8)]
    gain = precision_gain(right, wrong)
    assert gain is not None
    assert (gain.value, gain.low, gain.high) == (1.0, 1.0, 1.0)
    assert precision_gain([image("a", [], [], 0.1)], [image("a", [], [], 0.1)]) is None


def test_clear_images_are_right_where_nothing_is_boxed() -> None:
    images = [
        image("a", [LUNGS[0]], [], 0.3),
        image("b", [LUNGS[0]], [], 0.7),
        image("c", [LUNGS[0]], [LUNGS[0]], 0.7),
    ]
    share = clear_share(images, 0.5)
    assert share is not None
    assert share.value == 0.5
    assert clear_share(images[2:], 0.5) is None
