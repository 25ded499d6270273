"""Outlines of areas on a slice (paper 5, section 5.7), for pictures and as regions in reports."""

import numpy as np

from ai_engine.ct.morphology import Mask

Ring = tuple[tuple[float, float], ...]
"""A closed polygon in pixel coordinates, (x, y), the last point equal to the first; (0, 0) is the
top left corner of the top left pixel (PS3.3 C.18.6.1.2)."""

FINER = 2
TOLERANCE = 0.6
"""Finer samples per pixel, so that a line runs along the pixels' edges and not through their
centres, and samples that a simplified line may deviate."""


def outlines(mask: Mask) -> tuple[Ring, ...]:
    """The rings around a mask's areas and around the holes in them, the largest first.

    ``mask`` is bool (rows, columns).
    """
    import cv2  # noqa: PLC0415 - whoever only names rings, as results do, goes without

    fine = np.repeat(np.repeat(mask.view(np.uint8), FINER, axis=0), FINER, axis=1)
    contours, _ = cv2.findContours(fine, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    largest_first = sorted(contours, key=cv2.contourArea, reverse=True)
    return tuple(_ring(np.asarray(cv2.approxPolyDP(c, TOLERANCE, True))) for c in largest_first)


def _ring(corners: np.ndarray[tuple[int, ...], np.dtype[np.int32]]) -> Ring:
    points = (corners[:, 0, :] + 0.5) / FINER
    closed = np.vstack([points, points[:1]])
    return tuple((float(x), float(y)) for x, y in closed)
