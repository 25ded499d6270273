"""Where a picture's pixels come from when it is moved and bent like soft tissue."""

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]

BENDS = 4
"""Random displacements along each side; between them a picture bends smoothly."""


def bent_places(
    matrix: npt.NDArray[np.float64], size: int, bend: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Where each pixel of a view comes from: columns and rows of the source, (size, size) each.

    Parameters
    ----------
    matrix
        Affine transformation of the source to the view, float64 (2, 3).
    size
        Side of the view, in pixels.
    bend
        Largest displacement, in pixels of the view.
    """
    inverse = cv2.invertAffineTransform(matrix)
    rows, columns = np.mgrid[:size, :size].astype(np.float32)
    coarse = rng.uniform(-bend, bend, (2, BENDS, BENDS)).astype(np.float32)
    rows, columns = (
        place + cv2.resize(shift, (size, size), interpolation=cv2.INTER_CUBIC)
        for place, shift in zip((rows, columns), coarse, strict=True)
    )
    x = inverse[0, 0] * columns + inverse[0, 1] * rows + inverse[0, 2]
    y = inverse[1, 0] * columns + inverse[1, 1] * rows + inverse[1, 2]
    return np.asarray(x, np.float32), np.asarray(y, np.float32)
