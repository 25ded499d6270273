"""What a device does to its images, in four figures that need no model.

They are taken from the exposed part of the displayed image, reduced to one size, so that they
compare across detectors.
"""

import cv2
import numpy as np

from ai_engine.prediction import ImageQuality
from ai_engine.preprocessing.area_averaging import averaged_to
from ai_engine.preprocessing.geometry import FloatImage
from ai_engine.preprocessing.radiograph import Radiograph

SIDE = 512
"""The longer side of the image that is measured, in pixels."""

# A normal distribution's standard deviation over its median absolute deviation.
_MEDIAN_DEVIATION = 1.4826


def image_quality(radiograph: Radiograph) -> ImageQuality:
    """Measure exposure, contrast, noise and sharpness of one image.

    Returns
    -------
    ImageQuality
        ``exposure`` is the mean grey value, ``contrast`` the distance between the 5th and 95th
        percentile, ``noise`` the robust standard deviation of what a 3 x 3 median removes, and
        ``sharpness`` the mean gradient over the contrast, in one per pixel. Grey values are 0 to 1.
    """
    image = radiograph.once(exposed_part)
    low, high = np.percentile(image, (5, 95))
    contrast = float(high - low)
    residual = image - np.asarray(cv2.medianBlur(image, 3))
    smooth = np.asarray(cv2.GaussianBlur(image, (0, 0), 1.0))
    across = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=1 / 8)
    gradient = float(np.hypot(across, down).mean())
    return ImageQuality(
        exposure=float(image.mean()),
        contrast=contrast,
        noise=float(np.median(np.abs(residual)) * _MEDIAN_DEVIATION),
        sharpness=gradient / max(contrast, 1e-6),
    )


def exposed_part(radiograph: Radiograph) -> FloatImage:
    """The exposed part of an image, reduced to `SIDE`: float32 (rows, columns), 0 to 1."""
    shown = radiograph.content
    part = radiograph.pixels[
        max(int(shown.top), 0) : max(round(shown.bottom), int(shown.top) + 1),
        max(int(shown.left), 0) : max(round(shown.right), int(shown.left) + 1),
    ]
    return averaged_to(part, SIDE)
