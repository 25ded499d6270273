"""A head above a chest CT and a belly below it, drawn: as in a CT of the whole body.

They hold what may be taken for lungs: the gas of nose, sinuses and mastoid cells, of stomach and
bowel, and stool, which is as dense as diseased lung.
"""

import dataclasses

import numpy as np
import numpy.typing as npt

from ai_engine.ct.volume import CtVolume

Plane = npt.NDArray[np.float64]

NECK, HEAD, BELLY = 35, 90, 120
"""Slices of each."""
GAS, STOOL, FAT, TISSUE, SPONGY, SKULL = -1000.0, -560.0, -100.0, 40.0, 350.0, 900.0
NOISE = 12.0


def with_head(volume: CtVolume) -> CtVolume:
    """Put a neck and a head above; nose and windpipe are open to the air around."""
    return _joined(volume, _head(volume), above=True)


def with_belly(volume: CtVolume) -> CtVolume:
    """Put a belly with gas and stool below."""
    return _joined(volume, _belly(volume), above=False)


class _Canvas:
    """One slice, in mm from the middle: rows to the back, columns to the left."""

    def __init__(self, volume: CtVolume) -> None:
        _, rows, columns = volume.geometry.shape
        _, height, width = volume.geometry.spacing
        self._down = (np.arange(rows)[:, None] - rows / 2) * height
        self._across = (np.arange(columns)[None, :] - columns / 2) * width
        self.plane: Plane = np.full((rows, columns), GAS)

    def draw(self, value: float, at: tuple[float, float], radii: tuple[float, float]) -> None:
        """Fill an ellipse; place and radii are (down, across)."""
        down, across = (self._down - at[0]) / radii[0], (self._across - at[1]) / radii[1]
        self.plane[down**2 + across**2 <= 1] = value

    def draw_pair(self, value: float, at: tuple[float, float], radii: tuple[float, float]) -> None:
        """Fill it on both sides."""
        for side in (-1, 1):
            self.draw(value, (at[0], side * at[1]), radii)


def _head(volume: CtVolume) -> list[Plane]:
    planes = []
    for index in range(HEAD):
        canvas, down = _Canvas(volume), (index + 0.5) / HEAD
        size = np.sqrt(1 - ((down - 0.55) / 0.56) ** 2)
        canvas.draw(TISSUE, (0, 0), (95 * size, 75 * size))
        canvas.draw(SKULL, (0, 0), (90 * size, 70 * size))
        canvas.draw(TISSUE, (0, 0), (83 * size, 63 * size))
        if 0.35 < down < 0.85:
            canvas.draw_pair(GAS, (-55, 14), (26, 9))  # the nose, open through the skin
            canvas.draw_pair(GAS, (-45, 34), (16, 14))
            canvas.draw(GAS, (-20, 0), (10, 12))
        if 0.5 < down < 0.8:
            canvas.draw_pair(-950.0, (10, 58), (18, 9))
        planes.append(canvas.plane)
    for _ in range(NECK):
        canvas = _Canvas(volume)
        canvas.draw(FAT, (30, 0), (58, 75))
        canvas.draw(TISSUE, (30, 0), (50, 60))
        canvas.draw(SPONGY, (40, 0), (14, 14))
        canvas.draw(GAS, (-10, 0), (9, 9))
        planes.append(canvas.plane)
    return planes


def _belly(volume: CtVolume) -> list[Plane]:
    planes = []
    for index in range(BELLY):
        canvas = _Canvas(volume)
        canvas.draw(FAT, (0, 0), (105, 150))
        canvas.draw(TISSUE, (0, 0), (85, 130))
        canvas.draw(SPONGY, (60, 0), (18, 20))
        if index < 25:
            canvas.draw(GAS, (-55, 60), (28, 45))  # the stomach
        if index > 10:
            canvas.draw_pair(STOOL, (10, 115), (20, 22))
        if index % 20 < 14:
            canvas.draw(GAS, (-60 + index % 7, -40), (14, 30))
        planes.append(canvas.plane)
    return planes


def _joined(volume: CtVolume, planes: list[Plane], *, above: bool) -> CtVolume:
    random, geometry = np.random.default_rng(20260101), volume.geometry
    noisy = np.stack(planes) + random.normal(0, NOISE, (len(planes), *geometry.shape[1:]))
    drawn = np.clip(np.rint(noisy), -1024, 3071).astype(np.int16)
    at = np.array(geometry.positions)
    step, count = at[1] - at[0], len(planes)
    first = at[0] - count * step if above else at[-1] + step
    places = tuple(tuple(map(float, first + index * step)) for index in range(count))
    names = tuple(
        dataclasses.replace(geometry.references[0], sop_instance_uid=f"1.2.3.{above:d}.{index}")
        for index in range(count)
    )

    def order(drawn: tuple, own: tuple) -> tuple:
        return (*drawn, *own) if above else (*own, *drawn)

    parts = (drawn, volume.hounsfield) if above else (volume.hounsfield, drawn)
    values = np.concatenate(parts)
    return dataclasses.replace(
        volume,
        hounsfield=values,
        geometry=dataclasses.replace(
            geometry,
            shape=values.shape,
            references=order(names, geometry.references),
            positions=order(places, geometry.positions),
        ),
    )
