"""A crop, half an image or a mirrored chest is said to be one; a whole chest is not."""

import numpy as np
import pytest

from ai_engine.kinds.wholeness import (
    GRID,
    SIDE,
    asymmetry,
    cut_off,
    heart_agreement,
    layout_remarks,
    on_grid,
)
from ai_engine.prediction import Region, RemarkKind

ROWS, COLUMNS = 600, 500


def lungs(top: int = 90, bottom: int = 450) -> tuple[np.ndarray, np.ndarray]:
    left, right = np.zeros((2, ROWS, COLUMNS), dtype=np.bool_)
    left[top:bottom, 50:210] = True
    right[top:bottom, 290:450] = True
    return left, right


def chest() -> np.ndarray:
    """Dark lungs, a bright middle, and a heart that reaches far to the image's right."""
    pixels = np.full((ROWS, COLUMNS), 0.7, dtype=np.float32)
    for lung in lungs():
        pixels[lung] = 0.2
    pixels[:, 210:290] = 0.9
    pixels[280:450, 200:390] = 0.8
    return pixels


def kinds(part: tuple[slice, slice] = (slice(None), slice(None)), *, mirror: bool = False) -> list:
    left, right = (lung[part] for lung in lungs())
    pixels = chest()[part]
    if mirror:
        left, right, pixels = right[:, ::-1], left[:, ::-1], pixels[:, ::-1]
    content = Region(left=0, top=0, right=pixels.shape[1], bottom=pixels.shape[0])
    return [each.kind for each in layout_remarks("1.2", left, right, pixels, content)]


def test_a_whole_chest_is_not_remarked_upon() -> None:
    assert kinds() == []


@pytest.mark.parametrize(
    "part",
    [
        (slice(150, 450), slice(125, 375)),
        (slice(0, 300), slice(None)),
        (slice(None), slice(0, 250)),
        (slice(None), slice(250, 500)),
        (slice(200, 600), slice(None)),
        (slice(0, 453), slice(None)),
    ],
    ids=["centre quarter", "upper half", "left half", "right half", "without apices", "no room"],
)
def test_lungs_that_are_cut_off_are_said_to_be(part: tuple[slice, slice]) -> None:
    assert kinds(part) == [RemarkKind.LUNGS_CUT]


def test_a_mirrored_chest_or_dextrocardia_is_a_remark() -> None:
    assert kinds(mirror=True) == [RemarkKind.HEART_SIDE]


def test_a_missing_lung_is_said_and_so_is_an_image_without_any() -> None:
    left, right = (on_grid(lung) for lung in lungs())
    assert "missing" in cut_off(left, np.zeros_like(right))
    assert "hardly any lung" in cut_off(np.zeros_like(left), np.zeros_like(right))


def test_agreement_with_the_usual_layout_changes_its_sign_with_the_image() -> None:
    left, right = (on_grid(lung) for lung in lungs())
    both, pixels = left | right, chest()
    assert both.shape == (GRID, GRID)
    assert asymmetry(both, pixels).shape == (SIDE, SIDE // 2)
    mirrored = np.ascontiguousarray(pixels[:, ::-1])
    assert heart_agreement(both[:, ::-1], mirrored) == pytest.approx(
        -heart_agreement(both, pixels), abs=0.15
    )
