"""Voxels are counted as by histograms, only sooner."""

import numpy as np
import pytest

from ai_engine.ct.counting import by_slice, pairs
from ai_engine.ct.masks import pack_label, pack_mask

DRAW = np.random.default_rng(5)
SHAPE = (6, 16, 20)


def drawn(labels: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    values = DRAW.integers(0, labels + 1, SHAPE).astype(np.uint8)
    values[2] = 0
    return values


def test_labels_are_counted_slice_by_slice() -> None:
    labels = drawn(4)
    table = np.array([np.bincount(plane.ravel(), minlength=6) for plane in labels])

    assert np.array_equal(by_slice(labels, 5), table[:, 1:].T)


@pytest.mark.parametrize("empty", [False, True])
def test_pairs_are_counted_within_the_first(empty: bool) -> None:
    first, second = drawn(2), np.zeros(SHAPE, np.uint8) if empty else drawn(3)
    together = np.bincount((first.astype(np.intp) * 4 + second).ravel(), minlength=12)
    expected = together.reshape(3, 4)
    expected[0] = 0

    assert np.array_equal(pairs(first, 2, second, 3), expected)


@pytest.mark.parametrize("columns", [24, 21])
def test_a_label_is_packed_as_its_mask_is(columns: int) -> None:
    labels = DRAW.integers(0, 3, (4, 15, columns)).astype(np.uint8)

    assert np.array_equal(pack_label(labels, 2).unpack(), labels == 2)
    assert pack_label(labels, 2) == pack_mask(labels == 2)
