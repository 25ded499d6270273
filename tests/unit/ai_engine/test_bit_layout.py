"""How far neighbours lie apart, whatever the width and sign of the words they are stored in."""

import numpy as np
import pytest

from ai_engine.preprocessing.bit_layout import smoothest


@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "i8"])
def test_neighbours_at_both_ends_of_the_scale_lie_as_far_apart_as_they_do(kind: str) -> None:
    """A difference that does not fit into the words themselves is no small one."""
    ends = np.iinfo(kind)
    bits = min(ends.bits, 62)
    low, high = max(ends.min, -(1 << 61)), min(ends.max, (1 << 61) - 1)
    jumping = np.tile(np.array([low, high], dtype=kind), (20, 30))
    flat = np.full_like(jumping, high)
    assert smoothest([jumping, flat], bits) == 1
    assert smoothest([flat, jumping], bits) == 0
    gradual = np.arange(20 * 60).reshape(20, 60) // 30
    assert smoothest([jumping, gradual.astype(kind)], bits) == 1
