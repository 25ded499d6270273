"""XNet as the source of the inhomogeneity mask (paper 5, sections 5.2 to 5.6).

The paper resizes each slice to 160 × 160 and normalises it without saying how; here it is the
window from −1000 to 400 HU, scaled to 0 … 1. Weights must have been trained on the same input.
"""

from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.ct.lungs import LungMasks
from ai_engine.ct.mask_source import draw_slices
from ai_engine.ct.morphology import Mask
from ai_engine.ct.volume import CtVolume, Hounsfield
from ai_engine.errors import BackendError
from ai_engine.inference.network import Network
from ai_engine.prediction import ModelIdentity

SIZE = 160
WINDOW = (-1000.0, 400.0)
BATCH = 8
"""Slices at a time; all activations of a batch take about 0.7 GB in float32."""

FloatArray = npt.NDArray[np.float32]


class MaskNetwork(Protocol):
    """A segmentation network on any back end."""

    def predict(self, batch: FloatArray) -> FloatArray:
        """Probabilities of inhomogeneity: float32 (n, 160, 160, 1) to the same."""
        ...


class OnNetwork:
    """A mask network on any back end that has one input and one output."""

    def __init__(self, network: Network) -> None:
        """Take a network as it was loaded.

        Raises
        ------
        BackendError
            If it has several inputs or outputs.
        """
        if len(network.inputs) != 1 or len(network.outputs) != 1:
            raise BackendError("a mask network has one input and one output; load XNet's weights")
        self._network = network

    def predict(self, batch: FloatArray) -> FloatArray:
        """Probabilities of inhomogeneity: float32 (n, 160, 160, 1) to the same."""
        (name,), (mask,) = self._network.inputs, self._network.outputs
        return self._network.run({name: batch})[mask]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class XNetSource:
    """Finds inhomogeneous areas with a trained network, slice by slice.

    It is shown each slice with the front up, however the patient lay: it has seen no others.
    """

    identity: ModelIdentity
    network: MaskNetwork
    threshold: float = 0.5

    @property
    def parameters(self) -> tuple[str, ...]:
        """The settings that decide what is in the mask, in words."""
        low, high = WINDOW
        return (
            f"window {low:g} to {high:g} HU at {SIZE} x {SIZE} pixels",
            f"threshold {self.threshold:g}",
        )

    def find(self, volume: CtVolume, lungs: LungMasks, *, threads: int) -> Mask:
        """The inhomogeneous areas inside the lungs, bool (slices, rows, columns)."""
        indices = [int(index) for index in np.flatnonzero(lungs.labels.any(axis=(1, 2)))]
        probabilities: dict[int, FloatArray] = {}
        front_up = slice(None, None, 1 if volume.geometry.back_is_high else -1)
        for start in range(0, len(indices), BATCH):
            chosen = indices[start : start + BATCH]
            batch = np.stack(
                [network_input(volume.hounsfield[index][front_up]) for index in chosen]
            )
            made = self.network.predict(batch)[:, front_up]
            probabilities.update(zip(chosen, made, strict=True))

        def draw(index: int) -> Mask:
            rows, columns = volume.hounsfield.shape[1:]
            plane = cv2.resize(probabilities[index][..., 0], (columns, rows))
            return np.asarray(plane >= self.threshold)

        return draw_slices(lungs, draw, threads=threads)


def network_input(plane: Hounsfield, size: int = SIZE) -> FloatArray:
    """One slice as the network takes it: float32 (size, size, 1), 0 to 1."""
    low, high = WINDOW
    small = cv2.resize(plane.astype(np.float32), (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip((small - low) / (high - low), 0.0, 1.0))[..., None]
