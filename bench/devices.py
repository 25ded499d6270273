"""Simulated devices: one set of radiographs as three machines would have shown it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ai_engine.preprocessing.geometry import content_region
from ai_engine.preprocessing.radiograph import Radiograph

FloatImage = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedDevice:
    """A device by name, what it does to an image, and the same in words."""

    name: str
    words: str
    change: Callable[[FloatImage, np.random.Generator], FloatImage]

    def acquire(self, radiograph: Radiograph) -> Radiograph:
        """Return the radiograph as this device would have shown it; the same one each time."""
        seed = int.from_bytes(radiograph.sop_instance_uid.encode()[-8:], "big")
        pixels = self.change(radiograph.pixels, np.random.default_rng(seed))
        return replace(radiograph, pixels=pixels, content=content_region(pixels))


def _washed_out(pixels: FloatImage, rng: np.random.Generator) -> FloatImage:
    noise = rng.normal(0, 0.05, pixels.shape).astype(np.float32)
    return np.asarray(np.clip(pixels ** np.float32(0.5) + noise, 0, 1), dtype=np.float32)


def _negative(pixels: FloatImage, _rng: np.random.Generator) -> FloatImage:
    low, high = (np.float32(value) for value in np.percentile(pixels, (1, 99)))
    shown = np.clip(pixels, low, high)
    return np.asarray(low + high - shown, dtype=np.float32)


def _cropped(pixels: FloatImage, _rng: np.random.Generator) -> FloatImage:
    rows, columns = pixels.shape
    top, left = round(rows * 0.12), round(columns * 0.12)
    part = pixels[top : rows - top, left : columns - left]
    return np.asarray(part ** np.float32(1.8), dtype=np.float32)


DEVICES = (
    SimulatedDevice(name="washed out", words="gamma 0.5, noise 0.05", change=_washed_out),
    SimulatedDevice(name="negative", words="inverted in the visible range", change=_negative),
    SimulatedDevice(name="cropped", words="12 % off each side, gamma 1.8", change=_cropped),
)
