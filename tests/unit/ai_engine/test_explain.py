"""Grad-CAM in closed form, and heat maps that lie on the image."""

import numpy as np
import pytest

from ai_engine.inference.explain import (
    class_activation,
    gradient_activation,
    heat_map,
    on_both_sides,
)
from ai_engine.prediction import Region

REGION = Region(left=0, top=0, right=100, bottom=100)


def test_closed_form_equals_the_general_form() -> None:
    rng = np.random.default_rng(1)
    features = rng.random((5, 6, 8), dtype=np.float32)
    head = rng.standard_normal((8, 3)).astype(np.float32)
    closed = class_activation(features, head)
    for label in range(3):
        gradients = np.broadcast_to(head[:, label] / 30, features.shape)
        np.testing.assert_allclose(
            closed[label], gradient_activation(features, gradients), atol=1e-6
        )


def test_strongest_cell_becomes_one_and_nothing_is_negative() -> None:
    activation = np.array([[0, 2], [4, 1]], dtype=np.float32)
    np.testing.assert_allclose(heat_map(activation, region=REGION).values, [[0, 0.5], [1, 0.25]])


def test_a_label_that_isnt_activated_has_an_empty_map() -> None:
    features = np.ones((4, 4, 2), dtype=np.float32)
    head = np.array([[-1], [-1]], dtype=np.float32)
    activation = class_activation(features, head)[0]
    shown = heat_map(activation, region=REGION)
    assert (shown.values == 0).all()


def test_activation_in_the_padding_is_not_shown() -> None:
    inside = np.zeros((64, 64), dtype=np.bool_)
    inside[:, 16:48] = True
    activation = np.full((4, 4), 1, dtype=np.float32)
    activation[0, 0] = 50
    shown = heat_map(activation, region=REGION, inside=inside).values
    assert (shown[:, [0, 3]] == 0).all()
    assert shown[:, 1:3] == pytest.approx(1)


@pytest.mark.parametrize(("looks_right", "column"), [(0.0, 5.0), (0.4, 5.4)])
def test_a_network_that_looks_beside_its_cells_agrees_with_itself_on_the_mirror_image(
    looks_right: float, column: float
) -> None:
    """The place is seen in the cell whose look falls on it, from either side."""
    maps = np.zeros((2, 1, 1, 12), dtype=np.float32)
    maps[0, 0, 0, 5] = 1
    seen_mirrored = 11 - column - looks_right
    low = int(seen_mirrored)
    maps[1, 0, 0, low], maps[1, 0, 0, low + 1] = 1 - (seen_mirrored - low), seen_mirrored - low
    joined = on_both_sides(maps, looks_right)
    assert joined.sum() == pytest.approx(1)
    assert float(joined[0, 0] @ np.arange(12)) == pytest.approx(column)
