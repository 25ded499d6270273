"""A volume with fewer rows and columns."""

import dataclasses

import numpy as np

from ai_engine.ct.volume import CtVolume


def thinned(volume: CtVolume, *, every: int = 2) -> CtVolume:
    """Every second row and column of each slice, or every so many; 1 leaves it as it is."""
    geometry = volume.geometry
    step, height, width = geometry.spacing
    values = np.ascontiguousarray(volume.hounsfield[:, ::every, ::every])
    coarse = dataclasses.replace(
        geometry, shape=values.shape, spacing=(step, every * height, every * width)
    )
    return dataclasses.replace(volume, hounsfield=values, geometry=coarse)
