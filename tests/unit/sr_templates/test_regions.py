"""Heat maps become outlines in the image's own pixel coordinates."""

import cv2
import numpy as np
import pytest

from ai_engine.prediction import HeatMap, Region
from sr_templates.regions import outlines
from tests.unit.sr_templates.builders import a_heat_map


def centre(points: np.ndarray) -> tuple[float, float]:
    moments = cv2.moments(points.astype(np.float32))
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


def test_an_outline_lies_around_the_strongest_cell() -> None:
    heat_map = a_heat_map((0.5, 0.5), rows=2400, columns=2400)
    (outline,) = outlines(heat_map, rows=2400, columns=2400)
    assert centre(outline.points) == pytest.approx((1200, 1200), abs=5)
    # A Gaussian falls to half at 1.177 standard deviations, here 1.3 cells of 200 pixels.
    radii = np.hypot(*(outline.points - 1200).T)
    assert radii == pytest.approx(np.full(len(radii), 1.177 * 1.3 * 200), rel=0.08)


def test_an_outline_is_closed_and_simple_enough_to_draw() -> None:
    (outline,) = outlines(a_heat_map(), rows=200, columns=160)
    assert (outline.points[0] == outline.points[-1]).all()
    assert 8 <= len(outline.points) <= 80


def test_padding_around_the_image_moves_and_clips_the_outline() -> None:
    wide = Region(left=-100.0, top=0.0, right=300.0, bottom=400.0)
    heat_map = a_heat_map((0.3, 0.5), region=wide)
    (outline,) = outlines(heat_map, rows=400, columns=200)
    assert outline.points[:, 0].min() == 0.0
    assert outline.points[:, 0].max() < 100.0


@pytest.mark.parametrize("corner", [(0.0, 0.0), (1.0, 1.0), (0.0, 1.0)])
def test_an_area_at_a_corner_stays_inside_the_image(corner: tuple[float, float]) -> None:
    heat_map = a_heat_map(corner, rows=300, columns=300)
    (outline,) = outlines(heat_map, rows=300, columns=300)
    assert outline.points.min() >= 0.0
    assert outline.points.max() <= 300.0


def test_two_areas_of_like_strength_give_two_outlines_the_stronger_first() -> None:
    heat_map = a_heat_map((0.25, 0.5), (0.75, 0.5))
    heat_map.values[:, 6:] *= 0.9
    found = outlines(heat_map, rows=160, columns=160)
    assert len(found) == 2
    assert found[0].activation > found[1].activation


def test_the_area_of_the_peak_is_outlined_however_small_it_is() -> None:
    heat_map = a_heat_map((0.25, 0.5), rows=240, columns=240)
    heat_map.values[:] *= 0.8
    heat_map.values[2, 10] = 1.0
    large, small = outlines(heat_map, rows=240, columns=240)
    assert large.activation > small.activation
    assert centre(small.points) == pytest.approx((210, 50), abs=3)


def test_the_peak_is_outlined_beside_three_larger_areas() -> None:
    heat_map = a_heat_map(rows=240, columns=240)
    heat_map.values[:] = 0
    heat_map.values[4:, [0, 1, 4, 5, 8, 9]] = 0.7
    heat_map.values[1, 10] = 1.0
    found = outlines(heat_map, rows=240, columns=240)
    assert len(found) == 3
    assert centre(found[-1].points) == pytest.approx((210, 30), abs=3)


def test_a_minor_area_is_not_reported() -> None:
    heat_map = a_heat_map((0.25, 0.5))
    heat_map.values[2, 10] = 0.55
    assert len(outlines(heat_map, rows=160, columns=160)) == 1


@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_an_empty_map_has_no_outline(value: float) -> None:
    values = np.full((12, 12), value, np.float32)
    heat_map = HeatMap(values=values, region=Region(left=0, top=0, right=100, bottom=100))
    assert outlines(heat_map, rows=100, columns=100) == ()


def test_a_map_outside_the_image_has_no_outline() -> None:
    outside = Region(left=500.0, top=500.0, right=900.0, bottom=900.0)
    assert outlines(a_heat_map(region=outside), rows=200, columns=160) == ()


def test_a_flat_map_outlines_the_whole_image() -> None:
    values = np.ones((12, 12), np.float32)
    heat_map = HeatMap(values=values, region=Region(left=0, top=0, right=120, bottom=120))
    (outline,) = outlines(heat_map, rows=120, columns=120)
    assert cv2.contourArea(outline.points) == pytest.approx(120 * 120, rel=0.05)
