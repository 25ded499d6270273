"""From path lengths to pixel values: attenuation, scatter, quantum noise, processing."""

import cv2
import numpy as np

from dicom_node.demo.phantom.grid import Grid, Plane

# Linear attenuation in 1/cm about 65 keV: soft tissue, and what bone adds to it.
TISSUE = 0.20
BONE = 0.42
LUNG_DENSITY = 0.24
_SCATTER = 0.22
_QUANTA = 30_000.0


def transmitted(grid: Grid, tissue: Plane, bone: Plane) -> Plane:
    """Return what reaches the detector, scatter included, as a fraction of the open field."""
    primary = np.exp(-TISSUE * tissue - BONE * bone)
    return np.asarray(primary + _SCATTER * _coarse(primary, 4.0 / grid.spacing), dtype=np.float32)


def noisy(intensity: Plane, rng: np.random.Generator) -> Plane:
    """Return an intensity with quantum noise (a normal approximation of Poisson's)."""
    noise = rng.standard_normal(intensity.shape, dtype=np.float32)
    intensity = np.maximum(intensity, 1e-4)
    counted = intensity * _QUANTA + noise * np.sqrt(intensity * _QUANTA)
    return np.asarray(np.maximum(counted, 1) / _QUANTA, dtype=np.float32)


def presented(intensity: Plane, spacing: float) -> Plane:
    """Return 0 to 1, bright is dense: logarithm, edge enhancement and a film's S-shaped curve."""
    density = -np.log(intensity)
    coarse = _coarse(density, 2.5 / spacing)
    fine = _coarse(density, 0.12 / spacing)
    shaped = 0.95 * coarse + 1.15 * (fine - coarse) + 1.5 * (density - fine)
    low, high = np.percentile(shaped[::8, ::8], (3, 97))
    scaled = (shaped - low) / (high - low)
    return np.asarray(1 / (1 + np.exp(-6.8 * (scaled - 0.63))), dtype=np.float32)


def _coarse(plane: Plane, pixels: float) -> Plane:
    """Blur by ``pixels``; a wide blur is done on a small copy, where it costs little."""
    step = max(int(pixels / 4), 1)
    rows, columns = plane.shape
    small = cv2.resize(plane, (columns // step, rows // step), interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), pixels / step, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(blurred, (columns, rows), interpolation=cv2.INTER_LINEAR))
