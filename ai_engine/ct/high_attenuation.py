"""The default, classical source of the inhomogeneity mask: high-attenuation area.

High-attenuation area (HAA, lung voxels from −600 to −250 HU; Lederer et al., AJRCCM 2009;
Podolanczuk et al., ERJ 2016, the MESA study) is accepted practice for whole lungs, but as a mask it
is mostly the rims of vessels, airway walls and pleura: healthy never-smokers have a median of
4.3 % (Easthausen et al., Respirology 2020), twice paper 5's limit for healthy lungs. Therefore:

* voxels denser than −250 HU inside the lungs count as well, or consolidations and solid nodules
  would be hollow;
* only thick areas are kept (opening with a ball, on the coarse grid, where noise is averaged away):
  hazy ones (within HAA) of at least 6 mm, and any of at least 8 mm. Vessels, walls and rims
  outside the hilum are thinner, and so are the lesions that are therefore not found;
* the border is drawn at full resolution at −600 HU.

HAA without any selection is measured beside it.
"""

import hashlib

import cv2
import numpy as np

from ai_engine.ct.grid import enlarge
from ai_engine.ct.lungs import LungMasks
from ai_engine.ct.mask_source import draw_slices
from ai_engine.ct.morphology import Mask, dilate, remove_thin
from ai_engine.ct.volume import CtVolume
from ai_engine.prediction import ModelIdentity

HIGH_ATTENUATION = (-600, -250)
"""Hounsfield units."""

HAZY_RADIUS = 3.1
ANY_RADIUS = 4.1
"""mm: radii of the openings."""

BORDER = 2.0
"""mm around the opened areas in which full resolution decides."""

VERSION = "1.0.0"


class HighAttenuation:
    """Finds dense areas in the lungs by threshold and opening."""

    @property
    def identity(self) -> ModelIdentity:
        """The method; its digest is of its settings, for it has no weights."""
        settings = f"{HIGH_ATTENUATION} {HAZY_RADIUS} {ANY_RADIUS} {BORDER}"
        return ModelIdentity(
            name="ct-high-attenuation",
            version=VERSION,
            weights_digest=hashlib.sha256(settings.encode()).hexdigest(),
            title="Lung high-attenuation areas (classical, by threshold and morphology)",
            manufacturer="AI integration node",
            research_only=True,
        )

    @property
    def parameters(self) -> tuple[str, ...]:
        """The settings that decide what is in the mask, in words."""
        low, high = HIGH_ATTENUATION
        return (
            f"high attenuation {low} to {high} HU; denser than {high} HU inside the lungs counts",
            f"least thickness: hazy {2 * HAZY_RADIUS:g} mm, any {2 * ANY_RADIUS:g} mm",
        )

    def find(self, volume: CtVolume, lungs: LungMasks, *, threads: int) -> Mask:
        """The inhomogeneous areas inside the lungs, bool (slices, rows, columns)."""
        grid, (low, high) = lungs.grid, HIGH_ATTENUATION
        attenuated = (grid.hounsfield >= low) & (lungs.coarse_labels > 0)
        hazy = attenuated & (grid.hounsfield <= high)
        core = remove_thin(attenuated, ANY_RADIUS, grid.spacing)
        core |= remove_thin(hazy, HAZY_RADIUS, grid.spacing)
        around = dilate(core, BORDER, grid.spacing)

        def draw(index: int) -> Mask:
            at = grid.coarse_slice(index)
            plane = volume.hounsfield[index]
            shape = (plane.shape[0], plane.shape[1])
            if not core[at].any():
                return np.zeros(shape, bool)
            near = enlarge(around[at], shape) & (np.asarray(cv2.blur(plane, (3, 3))) >= low)
            return near | enlarge(core[at], shape)

        return draw_slices(lungs, draw, threads=threads)
