"""The default, classical source of the inhomogeneity mask: high-attenuation area.

High-attenuation area (HAA, lung voxels from −600 to −250 HU; Lederer et al., AJRCCM 2009;
Podolanczuk et al., ERJ 2016, the MESA study) is accepted practice for whole lungs, but as a mask it
is mostly the rims of vessels, airway walls and pleura: healthy never-smokers have a median of
4.3 % (Easthausen et al., Respirology 2020), twice paper 5's limit for healthy lungs. Therefore:

* voxels denser than −250 HU inside the lungs count as well, or consolidations and solid nodules
  would be hollow;
* only thick areas are kept (opening with a ball, on the coarse grid, where noise is averaged away):
  hazy ones (within HAA) of at least 6 mm, and any of at least 8 mm. Vessels, walls and rims
  outside the hilum are thinner, and so are the lesions that are therefore not found. With thick
  slices an area must lie on three of them: on one or two it may be a border's partial volume;
* faint haze, down to −650 HU, lies below HAA. It counts where the median of a centimetre, which
  vessels don't change, is above half way between the lung's own usual density and −650 HU;
* the border is drawn at full resolution at −600 HU.

HAA without any selection is measured beside it.
"""

import hashlib

import cv2
import numpy as np
from scipy import ndimage

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
FAINT_RADIUS = 5.1
"""mm: radii of the openings."""

BORDER = 2.0
"""mm around the opened areas in which full resolution decides."""

FAINT = -650.0
"""Hounsfield units of the faintest haze that is promised to be found."""

ABOVE_MIDDLE = 15.0
"""Hounsfield units above the middle between usual density and FAINT from which haze counts."""

CORNERS = 4.1
"""mm around faint areas in which their corners, which the opening rounds off, are taken back."""

MEDIAN = 5
"""Voxels of the coarse grid, to the side and to front and back, of which the median is taken."""

AERATED = -500
CLEAREST = 30.0
"""Hounsfield units below which lung is aerated, and above the 15th percentile that are usual."""

THICK = 2.6
"""mm between slices from which they are thick."""

THREE_SLICES = 1.3
"""Of the slices' distance: least radius of the openings."""

VERSION = "1.0.0"


class HighAttenuation:
    """Finds dense areas in the lungs by threshold and opening."""

    @property
    def identity(self) -> ModelIdentity:
        """The method; its digest is of its settings, for it has no weights."""
        settings = (
            f"{HIGH_ATTENUATION} {HAZY_RADIUS} {ANY_RADIUS} {BORDER} "
            f"{FAINT} {FAINT_RADIUS} {ABOVE_MIDDLE} {CORNERS} {MEDIAN} {THREE_SLICES}"
        )
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
            f"least thickness: hazy {2 * HAZY_RADIUS:g} mm, any {2 * ANY_RADIUS:g} mm, "
            "three slices where they are thick",
            f"faint haze: median of a centimetre nearer to {FAINT:g} HU than to usual lung, "
            f"at least {2 * FAINT_RADIUS:g} mm",
        )

    def find(self, volume: CtVolume, lungs: LungMasks, *, threads: int) -> Mask:
        """The inhomogeneous areas inside the lungs, bool (slices, rows, columns)."""
        grid, (low, high) = lungs.grid, HIGH_ATTENUATION
        least = grid.thickness * THREE_SLICES if grid.thickness > THICK else 0.0
        attenuated = (grid.hounsfield >= low) & (lungs.coarse_labels > 0)
        hazy = attenuated & (grid.hounsfield <= high)
        core = remove_thin(attenuated, max(ANY_RADIUS, least), grid.spacing)
        core |= remove_thin(hazy, max(HAZY_RADIUS, least), grid.spacing)
        haze = _faint(lungs)
        faint = remove_thin(haze, FAINT_RADIUS + (ANY_RADIUS if least else 0.0), grid.spacing)
        faint = dilate(faint, CORNERS, grid.spacing) & haze
        around = dilate(core, BORDER, grid.spacing)
        core |= faint

        def draw(index: int) -> Mask:
            at = grid.coarse_slice(index)
            plane = volume.hounsfield[index]
            shape = (plane.shape[0], plane.shape[1])
            if not core[at].any():
                return np.zeros(shape, bool)
            near = enlarge(around[at], shape) & (np.asarray(cv2.blur(plane, (3, 3))) >= low)
            return near | enlarge(core[at], shape)

        return draw_slices(lungs, draw, threads=threads)


def usual_density(lungs: LungMasks) -> float:
    """The Hounsfield units that most of the aerated lung has.

    Where disease fills most of it, the density that its clearest part has: a little above the 15th
    percentile.
    """
    values = lungs.grid.hounsfield[lungs.coarse_labels > 0]
    values = values[values < AERATED]
    if not len(values):
        return FAINT
    counts = ndimage.gaussian_filter1d(np.bincount(values + 1024).astype(np.float64), 12.0)
    return float(min(counts.argmax() - 1024, np.percentile(values, 15) + CLEAREST))


def faint_limit(lungs: LungMasks) -> float:
    """The Hounsfield units from which lung is hazy: nearer to the faintest haze than to its own."""
    return min((usual_density(lungs) + FAINT) / 2 + ABOVE_MIDDLE, float(HIGH_ATTENUATION[0]))


def _faint(lungs: LungMasks) -> Mask:
    """Where the median of a centimetre is hazy; beyond the lungs all counts as usual."""
    inside, usual = lungs.coarse_labels > 0, usual_density(lungs)
    limit = faint_limit(lungs)
    values = np.where(inside, lungs.grid.hounsfield, np.float32(usual)).astype(np.float32)
    middle = np.stack([cv2.medianBlur(plane, MEDIAN) for plane in values])
    return np.asarray(inside & (ndimage.median_filter(middle, size=(3, 1, 1)) > limit))
