"""What an image gives away without showing anatomy: one row of figures for each kind of cue.

None of it is a reason to call an image abnormal. Where it tells a label nevertheless, a network
can learn it in place of disease (Zech et al., 2018; DeGrave et al., 2021).
"""

import math
from collections.abc import Callable, Mapping

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.datasets.cxr import CxrItem, View
from ai_engine.preprocessing.geometry import content_region

ByteImage = npt.NDArray[np.uint8]
Cue = Callable[[ByteImage, CxrItem], list[float]]

PERCENTILES = (1, 5, 10, 25, 50, 75, 90, 95, 99)
BORDER = 20
"""Pixels from the edge that count as border."""

BLACK, WHITE = 10, 245
"""Grey values, of 255, beyond which a pixel shows no tissue."""

SMALLEST_MARK, LARGEST_MARK = 6e-5, 4e-3
"""Parts of the image's area between which a white patch may be a letter or a lead marker."""


def grey_values(image: ByteImage, item: CxrItem) -> list[float]:
    """Twenty figures of the grey values: level, spread, border, centre, sharpness."""
    del item
    grey = image.astype(np.float64)
    border, centre = _border(grey), _centre(grey)
    return [
        grey.mean(),
        grey.std(),
        *np.percentile(grey, PERCENTILES),
        border.mean(),
        border.std(),
        centre.mean(),
        centre.std(),
        np.abs(np.diff(grey, axis=0)).mean(),
        np.abs(np.diff(grey, axis=1)).mean(),
        (grey < BLACK).mean(),
        (grey > WHITE).mean(),
        cv2.Laplacian(grey, cv2.CV_64F).std(),
    ]


def borders(image: ByteImage, item: CxrItem) -> list[float]:
    """Shape of the image, what collimation leaves of it, and how its edges look."""
    del item
    rows, columns = image.shape
    shown = content_region(image.astype(np.float32) / np.float32(255))
    edges = _edges(image.astype(np.float64))
    return [
        rows / columns,
        shown.top / rows,
        1 - shown.bottom / rows,
        shown.left / columns,
        1 - shown.right / columns,
        *(each.mean() for each in edges),
        *((each < BLACK).mean() for each in edges),
        *((each > WHITE).mean() for each in edges),
    ]


def markers(image: ByteImage, item: CxrItem) -> list[float]:
    """White patches of a letter's size: how many, how large, and in which quarter."""
    del item
    rows, columns = image.shape
    white = (image > WHITE).astype(np.uint8)
    _, _, patches, centers = cv2.connectedComponentsWithStats(white)
    area = patches[1:, cv2.CC_STAT_AREA] / image.size
    marks = (area >= SMALLEST_MARK) & (area <= LARGEST_MARK)
    x, y = centers[1:, 0][marks] / columns, centers[1:, 1][marks] / rows
    quarters = [(x < 0.5) & (y < 0.5), (x >= 0.5) & (y < 0.5), (x < 0.5) & (y >= 0.5)]
    return [float(marks.sum()), float(area[marks].sum()), *(float(one.sum()) for one in quarters)]


def view(image: ByteImage, item: CxrItem) -> list[float]:
    """From which side the beam came."""
    del image
    return [float(item.view is each) for each in View]


def age(image: ByteImage, item: CxrItem) -> list[float]:
    """The patient's age, its distance from the middle of life, and whether it is unknown."""
    del image
    if math.isnan(item.age):
        return [0.0, 0.0, 1.0]
    return [item.age, abs(item.age - 45), 0.0]


def sex(image: ByteImage, item: CxrItem) -> list[float]:
    """The patient's sex."""
    del image
    return [float(item.sex == "F"), float(item.sex == "M")]


CUES: Mapping[str, Cue] = {
    "grey values": grey_values,
    "borders": borders,
    "markers": markers,
    "view": view,
    "age": age,
    "sex": sex,
}
"""Every cue that is measured, by the words it is reported with."""


def _edges(grey: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], ...]:
    return grey[:BORDER], grey[-BORDER:], grey[:, :BORDER], grey[:, -BORDER:]


def _border(grey: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.concatenate([each.ravel() for each in _edges(grey)])


def _centre(grey: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    rows, columns = (side // 4 for side in grey.shape)
    return grey[rows:-rows, columns:-columns]
