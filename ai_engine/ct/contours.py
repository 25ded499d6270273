"""Slices with the inhomogeneous areas outlined in red (paper 5, sections 5.7 and Fig. 4 to 6)."""

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.ct.morphology import Mask
from ai_engine.ct.volume import Hounsfield

LUNG_WINDOW = (-600.0, 1500.0)
"""Centre and width in Hounsfield units."""

RED = (255, 0, 0)


def outline(plane: Hounsfield, mask: Mask) -> npt.NDArray[np.uint8]:
    """One slice in the lung window, with the mask's outline around its areas.

    ``plane`` is int16 and ``mask`` bool (rows, columns); the result uint8 RGB (rows, columns, 3).
    The line runs just outside the area, so that the area itself stays visible.
    """
    centre, width = LUNG_WINDOW
    grey = (plane.astype(np.float32) - (centre - width / 2)) * (255.0 / width)
    image = cv2.cvtColor(np.clip(grey, 0, 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)
    wider = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    contours, _ = cv2.findContours(wider, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(image, contours, -1, RED, 1)
    return np.asarray(image, dtype=np.uint8)
