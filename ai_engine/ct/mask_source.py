"""Where the mask of inhomogeneous areas comes from."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from ai_engine.ct.lungs import LungMasks
from ai_engine.ct.morphology import Mask
from ai_engine.ct.volume import CtVolume
from ai_engine.prediction import ModelIdentity


class MaskSource(Protocol):
    """Finds inhomogeneous areas: paper 5's XNet, or a classical method."""

    @property
    def identity(self) -> ModelIdentity:
        """What made the mask, as results name it."""
        ...

    @property
    def parameters(self) -> tuple[str, ...]:
        """The settings that decide what is in the mask, in words."""
        ...

    def find(self, volume: CtVolume, lungs: LungMasks, *, threads: int) -> Mask:
        """The inhomogeneous areas inside the lungs, bool (slices, rows, columns)."""
        ...


def draw_slices(lungs: LungMasks, draw: Callable[[int], Mask], *, threads: int) -> Mask:
    """A mask made slice by slice, where there is lung; each slice's mask is cut to the lungs.

    ``draw`` gets the slice's index and returns bool (rows, columns).
    """
    mask = np.zeros(lungs.labels.shape, bool)

    def fill(index: int) -> None:
        mask[index] = draw(index) & (lungs.labels[index] > 0)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, np.flatnonzero(lungs.labels.any(axis=(1, 2)))))
    return mask
