"""A finding is outlined within the lungs or nowhere, and the result says which."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from ai_engine.kinds.locating import GRID, LungPlaces, located, widened
from ai_engine.prediction import (
    Code,
    Finding,
    FoundBox,
    HeatMap,
    ImagePrediction,
    Region,
    RemarkKind,
)
from ai_engine.preprocessing.planes import view_of_mask
from sr_templates.regions import outlines, places_of

SIDE = 480
WHOLE = Region(left=0, top=0, right=SIDE, bottom=SIDE)
CODE = Code(value="1", scheme="99TEST", meaning="Opacity")


def lungs() -> np.ndarray:
    """Two lungs: the image's left and right third, without its top and bottom quarter."""
    mask = np.zeros((SIDE, SIDE), dtype=np.bool_)
    mask[120:360, 60:200] = mask[120:360, 280:420] = True
    return mask


def outlined() -> LungPlaces:
    return LungPlaces(lungs())


def hot(*cells: tuple[int, int], strengths: tuple[float, ...] = ()) -> HeatMap:
    values = np.zeros((12, 12), dtype=np.float32)
    for cell, strength in zip(cells, strengths or (1.0,) * len(cells), strict=True):
        values[cell] = strength
    return HeatMap(values=values, region=WHOLE)


def image(
    heat_map: HeatMap | None = None,
    boxes: tuple[FoundBox, ...] = (),
    label: str = "Lung Opacity",
    probability: float = 0.9,
) -> ImagePrediction:
    finding = Finding(
        label=label,
        title="Lung opacity",
        code=CODE,
        site=None,
        probability=probability,
        threshold=0.5,
        heat_map=heat_map,
        boxes=boxes,
    )
    return ImagePrediction(sop_instance_uid="1.2", findings=(finding,))


def regions(made: ImagePrediction) -> int:
    return len(places_of(made.findings[0], rows=SIDE, columns=SIDE))


def test_attention_in_a_lung_is_outlined_as_before_and_nothing_is_said() -> None:
    given = image(hot((5, 3)))
    made = located(given, outlined)
    assert made.remarks == ()
    assert regions(made.image) == regions(given) == 1


@pytest.mark.parametrize("cell", [(0, 0), (0, 11), (11, 8), (1, 6)], ids=str)
def test_attention_on_a_shoulder_marker_stomach_or_neck_is_no_region(cell: tuple[int, int]) -> None:
    given = image(hot(cell))
    assert regions(given) == 1
    made = located(given, outlined)
    assert regions(made.image) == 0
    assert made.image.findings[0].is_positive, "the finding stays"
    (remark,) = made.remarks
    assert remark.kind is RemarkKind.OUTSIDE_LUNGS
    assert "strongest attention for lung opacity lies outside the lungs" in remark.detail


def test_a_second_area_outside_is_left_out_and_said() -> None:
    made = located(image(hot((5, 3), (11, 8), strengths=(1.0, 0.9))), outlined)
    assert regions(made.image) == 1
    (remark,) = made.remarks
    assert "Part of the attention" in remark.detail


def test_a_weaker_spot_in_the_lung_is_not_shown_for_one_that_was_outside() -> None:
    made = located(image(hot((5, 3), (11, 8), strengths=(0.9, 1.0))), outlined)
    assert regions(made.image) == 0


def test_what_an_outline_has_beyond_the_lungs_is_cut_off() -> None:
    made = located(image(hot((8, 3), (9, 3), strengths=(1.0, 0.8))), outlined)
    (outline,) = outlines(made.image.findings[0].heat_map, rows=SIDE, columns=SIDE)
    inside = widened(lungs())
    for x, y in outline.points:
        row, column = min(int(y), SIDE - 1), min(int(x), SIDE - 1)
        reach = SIDE // GRID
        near = inside[max(row - reach, 0) : row + reach, max(column - reach, 0) : column + reach]
        assert near.any()


@pytest.mark.parametrize("mask", [None, np.zeros((SIDE, SIDE), dtype=np.bool_)], ids=str)
def test_without_lungs_the_location_is_not_checked_and_nothing_is_outlined(
    mask: np.ndarray | None,
) -> None:
    made = located(image(hot((5, 3))), lambda: None if mask is None else LungPlaces(mask))
    assert regions(made.image) == 0
    assert [each.kind for each in made.remarks] == [RemarkKind.LUNGS_UNKNOWN]


def box(left: float, top: float) -> FoundBox:
    region = Region(left=left, top=top, right=left + 60, bottom=top + 60)
    return FoundBox(region=region, probability=0.8)


def test_a_detectors_box_outside_the_lungs_is_left_out_too() -> None:
    in_lung, on_shoulder = box(100, 200), box(0, 0)
    made = located(image(boxes=(in_lung, on_shoulder)), outlined)
    assert made.image.findings[0].boxes == (in_lung,)
    assert [each.kind for each in made.remarks] == [RemarkKind.OUTSIDE_LUNGS]
    alone = located(image(boxes=(on_shoulder,)), outlined)
    assert alone.image.findings[0].boxes == ()
    assert "no region is outlined" in alone.remarks[0].detail


@pytest.mark.parametrize("label", ["Cardiomegaly", "Fracture", "Support Devices"])
def test_what_may_lie_beyond_the_lungs_stays_where_it_is(label: str) -> None:
    given = image(hot((5, 6)), label=label)
    assert located(given, outlined).image == given


def test_nobody_asks_for_lungs_where_nothing_is_outlined() -> None:
    def refuse() -> LungPlaces:
        raise AssertionError("asked")

    negative = image(hot((0, 0)), probability=0.1)
    assert located(negative, refuse).image == negative
    assert located(image(), refuse).remarks == ()


def test_widening_goes_about_a_centimetre_beyond_the_lungs() -> None:
    mask = np.zeros((SIDE, SIDE), dtype=np.bool_)
    mask[200:280, 200:280] = True
    grown = np.flatnonzero(widened(mask).any(axis=0))
    assert (grown[0], grown[-1]) == (200 - 14, 279 + 14)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(2500, 2048), (1111, 1999)])
def test_on_large_images_findings_are_kept_to_the_lungs_as_on_small_ones(
    shape: tuple[int, int],
) -> None:
    """The lungs are widened at `WIDENED_SIDE`; the simple way, at full size, takes a second."""
    rows, columns = shape
    drawn = np.zeros(shape, dtype=np.uint8)
    for center in (columns // 3, 2 * columns // 3):
        cv2.ellipse(drawn, (center, rows // 2), (columns // 8, rows // 4), 5, 0, 360, 1, -1)
    outline = drawn.astype(np.bool_)
    whole = Region(left=0, top=0, right=columns, bottom=rows)
    large = image(hot((6, 3)))
    heat_map = large.findings[0].heat_map
    assert heat_map is not None
    finding = replace(large.findings[0], heat_map=replace(heat_map, region=whole))

    made = located(replace(large, findings=(finding,)), lambda: LungPlaces(outline))

    kept = made.image.findings[0].heat_map
    assert kept is not None
    assert kept.within is not None
    simple = view_of_mask(widened(outline), whole, GRID)
    assert simple.any()
    near = np.ones((3, 3), dtype=np.uint8)
    border = cv2.morphologyEx(simple.astype(np.uint8), cv2.MORPH_GRADIENT, near)
    differ = (kept.within > 0) != simple
    assert not (differ & (border == 0)).any()
    assert differ.sum() < 0.05 * simple.sum()


@pytest.mark.parametrize("shape", [(2500, 2048), (1301, 3999)])
def test_lungs_on_a_coarser_grid_keep_findings_where_the_images_own_do(
    shape: tuple[int, int],
) -> None:
    rows, columns = shape
    scale = 1024 / max(shape)
    drawn = np.zeros(shape, dtype=np.uint8)
    for center in (columns // 3, 2 * columns // 3):
        cv2.ellipse(drawn, (center, rows // 2), (columns // 8, rows // 4), 5, 0, 360, 1, -1)
    size = (round(columns * scale), round(rows * scale))
    coarse = cv2.resize(drawn.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    found = image(hot((6, 3), (2, 8), strengths=(1.0, 0.9))).findings[0]
    assert found.heat_map is not None
    whole = Region(left=0, top=0, right=columns, bottom=rows)
    given = ImagePrediction(
        sop_instance_uid="1.2",
        findings=(replace(found, heat_map=replace(found.heat_map, region=whole)),),
    )

    fine = located(given, lambda: LungPlaces(drawn.astype(np.bool_)))
    fast = located(given, lambda: LungPlaces(coarse, of=shape))

    assert fast.remarks == fine.remarks
    inside = [each.image.findings[0].heat_map.within > 0 for each in (fine, fast)]
    assert (inside[0] ^ inside[1]).sum() <= 0.01 * inside[0].sum(), "at the border alone"
