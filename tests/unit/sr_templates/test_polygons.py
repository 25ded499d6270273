"""A polygon holds the pixels whose centres it surrounds."""

import numpy as np
import pytest

from sr_templates.polygons import filled


def ring(*points: tuple[float, float]) -> np.ndarray:
    return np.array([*points, points[0]], dtype=np.float64)


def test_a_rectangle_on_pixel_edges_holds_exactly_its_pixels() -> None:
    mask = filled(ring((1, 2), (4, 2), (4, 5), (1, 5)), rows=8, columns=6)
    expected = np.zeros((8, 6), dtype=bool)
    expected[2:5, 1:4] = True
    assert np.array_equal(mask, expected)


def test_a_pixel_counts_when_its_centre_is_inside() -> None:
    mask = filled(ring((0.6, 0.4), (2.6, 0.4), (2.6, 1.6), (0.6, 1.6)), rows=3, columns=4)
    assert mask.tolist()[0] == [False, True, True, False]
    assert mask.sum() == 4


@pytest.mark.parametrize("clockwise", [True, False])
def test_the_direction_of_the_outline_does_not_matter(clockwise: bool) -> None:
    points = ring((0, 0), (9, 3), (5, 8))
    mask = filled(points if clockwise else points[::-1], rows=10, columns=10)
    area = (9 * 8 - 3 * 5) / 2
    assert mask.sum() == pytest.approx(area, abs=3)


def test_what_lies_outside_the_image_is_cut() -> None:
    mask = filled(ring((-5, -5), (20, -5), (20, 20), (-5, 20)), rows=4, columns=3)
    assert mask.all()


def test_a_hollow_stays_hollow() -> None:
    mask = filled(
        ring((0, 0), (6, 0), (6, 6), (4, 6), (4, 2), (2, 2), (2, 6), (0, 6)), rows=6, columns=6
    )
    assert not mask[2:, 2:4].any()
    assert mask.sum() == 36 - 8
