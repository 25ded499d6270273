"""Pictures as they come into an archive otherwise than from a modality: cut, turned, written on.

A head that has seen pictures as one set shows them takes their borders and sizes for what they are
of. So copies of training pictures are cut, turned, inverted, enlarged, framed, and written on by
lot. Nothing here changes what a picture is of.
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
"""Grey values, uint8 (rows, columns)."""

SMALLEST_SIDE = 48
"""Pixels below which no copy is reduced."""

_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_PLAIN, cv2.FONT_HERSHEY_DUPLEX)
_LETTERS = np.array([*"ABCDEFGHIKLMNOPRSTUVWXYZ0123456789:.-/ "])


def varied(picture: Picture, rng: np.random.Generator) -> Picture:
    """A copy that was changed in some of these ways, each by its own lot."""
    ways: tuple[tuple[float, Callable[[Picture, np.random.Generator], Picture]], ...] = (
        (0.5, _cut),
        (0.2, _turned),
        (0.8, _exposed),
        (0.2, _inverted),
        (0.3, _enlarged),
        (0.3, _written_on),
        (0.3, _framed),
        (0.3, _compressed),
    )
    for share, way in ways:
        if rng.random() < share:
            picture = way(picture, rng)
    return np.ascontiguousarray(picture)


def text(rng: np.random.Generator, *, longest: int = 24) -> str:
    """Letters and digits by lot: a line that says nothing of anybody."""
    return "".join(rng.choice(_LETTERS, int(rng.integers(3, longest + 1))))


def _cut(picture: Picture, rng: np.random.Generator) -> Picture:
    """From six tenths of each side on, anywhere."""
    rows, columns = picture.shape
    height, width = (max(round(side * rng.uniform(0.6, 1)), 1) for side in (rows, columns))
    top = int(rng.integers(0, rows - height + 1))
    left = int(rng.integers(0, columns - width + 1))
    return picture[top : top + height, left : left + width]


def _turned(picture: Picture, rng: np.random.Generator) -> Picture:
    return np.rot90(picture, int(rng.integers(1, 4)))


def _exposed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Another gamma, and a range of grey values that is not all of it."""
    values = (picture / 255.0) ** np.exp(rng.uniform(-0.5, 0.5))
    low, high = rng.uniform(-0.1, 0.15), rng.uniform(0.8, 1.2)
    return _bytes((values - low) / (high - low))


def _inverted(picture: Picture, _rng: np.random.Generator) -> Picture:
    return np.asarray(255 - picture, dtype=np.uint8)


def _enlarged(picture: Picture, rng: np.random.Generator) -> Picture:
    """Reduced, and enlarged again: a thumbnail, or a coarse matrix."""
    rows, columns = picture.shape
    scale = rng.uniform(64, 256) / max(rows, columns)
    if scale >= 1:
        return picture
    small = cv2.resize(
        np.ascontiguousarray(picture),
        (max(round(columns * scale), SMALLEST_SIDE), max(round(rows * scale), SMALLEST_SIDE)),
        interpolation=cv2.INTER_AREA,
    )
    way = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(3)]
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=way), dtype=np.uint8)


def _written_on(picture: Picture, rng: np.random.Generator) -> Picture:
    """Some lines in the corners, white or black, as workstations and printers burn them in."""
    shown = np.array(picture, order="C")
    rows, columns = shown.shape
    size = max(rows, columns) / 512 * rng.uniform(0.35, 0.9)
    ink = 255 if rng.random() < 0.8 else 0
    for corner in rng.permutation(4)[: rng.integers(1, 5)]:
        for line in range(int(rng.integers(1, 5))):
            step = round((line + 1) * 26 * size)
            x = 5 if corner % 2 else round(columns * rng.uniform(0.6, 0.75))
            y = step if corner < 2 else rows - step
            font = _FONTS[rng.integers(len(_FONTS))]
            cv2.putText(shown, text(rng, longest=16), (x, y), font, size, ink, 1, cv2.LINE_AA)
    return shown


def _framed(picture: Picture, rng: np.random.Generator) -> Picture:
    """A margin of one grey on each side."""
    top, bottom, left, right = (
        round(side * rng.uniform(0, 0.2)) for side in (*picture.shape, *picture.shape)
    )
    grey = int(rng.choice([0, 0, 255, int(rng.integers(256))]))
    return np.pad(picture, ((top, bottom), (left, right)), constant_values=grey)


def _compressed(picture: Picture, rng: np.random.Generator) -> Picture:
    """Some noise, and JPEG."""
    noisy = picture + rng.normal(0, rng.uniform(0, 8), picture.shape)
    quality = int(rng.integers(30, 91))
    _, stream = cv2.imencode(".jpg", _bytes(noisy / 255), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(stream, cv2.IMREAD_GRAYSCALE), dtype=np.uint8)


def _bytes(values: npt.NDArray[np.float64]) -> Picture:
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), dtype=np.uint8)
