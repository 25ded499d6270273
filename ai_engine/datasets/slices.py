"""Slices of volumes as pictures: what CT and MR look like where a radiograph is expected.

Three planes, at even steps through the body, in the windows that workstations show CT in. Volumes
are NumPy archives (``hu`` and ``zooms`` in mm), NIfTI, or folders of one DICOM series.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import nibabel
import numpy as np
import numpy.typing as npt
from nibabel.filebasedimages import ImageFileError
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from ai_engine.errors import DatasetError

WINDOWS = ((-600, 1500), (40, 400), (300, 1500), (50, 80), (-500, 2000))
"""Centre and width in Hounsfield units: lung, soft tissue, bone, brain, wide."""

SIDE = 512
"""Pixels of a picture's longer side."""

AXIAL = 24
REFORMATTED = 8
"""Pictures of a volume: along its third axis, and along each of the others."""

THICKEST = 10.0
"""Millimetres that a picture by lot is averaged over, at most."""

_LARGEST_HU = 500
"""CT has bone above this; magnitudes of MR are scaled by themselves."""

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Volume:
    """``values`` (x, y, z) in Hounsfield units or any scale of MR, ``spacing`` in mm."""

    values: FloatArray
    spacing: tuple[float, float, float]
    is_ct: bool


def read_volume(path: Path) -> Volume:
    """Read a volume from a file, or from a folder of one DICOM series.

    Raises
    ------
    DatasetError
        If it cannot be read as one.
    """
    try:
        if path.is_dir():
            return _of_series(path)
        if path.suffix == ".npz":
            with np.load(path) as stored:
                return _volume(stored["hu"], stored["zooms"], is_ct=True)
        image = nibabel.load(path)
        values = np.asanyarray(image.dataobj)
        return _volume(
            values, image.header.get_zooms()[:3], is_ct=bool(values.min() < -_LARGEST_HU)
        )
    except (OSError, ValueError, KeyError, AttributeError, ImageFileError) as error:
        raise DatasetError(f"{path}: no volume that can be read ({error})") from error


def pictures(volume: Volume) -> Iterator[npt.NDArray[np.uint8]]:
    """Slices of a volume as they would be shown, the longer side `SIDE` pixels."""
    number = 0
    for axis, count in ((2, AXIAL), (0, REFORMATTED), (1, REFORMATTED)):
        first, last = (0.08, 0.92) if axis == 2 else (0.3, 0.7)
        for at in np.linspace(first, last, count) * (volume.values.shape[axis] - 1):
            plane = np.take(volume.values, round(at), axis=axis)
            sides = [side for other, side in enumerate(volume.spacing) if other != axis]
            if axis != 2:
                plane, sides = np.rot90(plane), sides[::-1]
            yield _picture(_shown(volume, plane, number), sides)
            number += 1


def drawn_pictures(
    volume: Volume, count: int, rng: np.random.Generator
) -> Iterator[npt.NDArray[np.uint8]]:
    """Slices by lot: any plane, place and window; some are averaged over a few slices."""
    brightest = 0.0 if volume.is_ct or not count else _brightest(volume)
    for _ in range(count):
        axis = int(rng.choice([2, 2, 0, 1]))
        sides = [side for other, side in enumerate(volume.spacing) if other != axis]
        length = volume.values.shape[axis]
        first, last = (0.03, 0.97) if axis == 2 else (0.2, 0.8)
        at = round(rng.uniform(first, last) * (length - 1))
        thick = round(rng.uniform(0, THICKEST) / volume.spacing[axis]) if rng.random() < 0.2 else 0
        slab = np.take(volume.values, range(at, min(at + thick + 1, length)), axis=axis)
        plane = slab.mean(axis=axis)
        if axis != 2:
            plane, sides = np.rot90(plane), sides[::-1]
        yield _picture(_windowed(plane, brightest, rng), sides)


def _windowed(plane: FloatArray, brightest: float, rng: np.random.Generator) -> FloatArray:
    """Grey values 0 to 1 in a window near one of `WINDOWS`, or for MR of any brightness."""
    if brightest:
        shown = np.clip(plane / (brightest * rng.uniform(0.6, 1.3)), 0, 1)
        return np.asarray(shown, dtype=np.float32)
    usual, wide = WINDOWS[rng.integers(len(WINDOWS))]
    centre = usual + wide * rng.uniform(-0.2, 0.2)
    width = wide * np.exp(rng.uniform(-0.5, 0.5))
    return np.asarray(np.clip((plane - centre) / width + 0.5, 0, 1), dtype=np.float32)


def _shown(volume: Volume, plane: FloatArray, number: int) -> FloatArray:
    """Grey values 0 to 1: of CT one window after the other, of MR by the volume's brightest."""
    if volume.is_ct:
        centre, width = WINDOWS[number % len(WINDOWS)]
        return np.asarray(np.clip((plane - centre) / width + 0.5, 0, 1), dtype=np.float32)
    shown = np.clip(plane / (_brightest(volume) * (0.8 + 0.1 * (number % 5))), 0, 1)
    return np.asarray(shown, dtype=np.float32)


def _brightest(volume: Volume) -> float:
    values = volume.values
    return float(np.percentile(values[values > values.mean()], 99))


def _picture(shown: FloatArray, sides: list[float]) -> npt.NDArray[np.uint8]:
    height, width = shown.shape[0] * sides[0], shown.shape[1] * sides[1]
    scale = SIDE / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    image = cv2.resize(shown.astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.rint(np.clip(image, 0, 1) * 255), dtype=np.uint8)


def _of_series(folder: Path) -> Volume:
    slices = []
    for path in sorted(each for each in folder.rglob("*") if each.is_file()):
        try:
            found = dcmread(path)
        except InvalidDicomError:
            continue
        if "PixelData" in found and "ImagePositionPatient" in found:
            slices.append(found)
    if len(slices) < 2:
        raise ValueError("fewer than two slices")
    slices.sort(key=lambda one: float(one.ImagePositionPatient[2]))
    places = [float(one.ImagePositionPatient[2]) for one in slices]
    planes = [
        one.pixel_array * float(one.get("RescaleSlope", 1)) + float(one.get("RescaleIntercept", 0))
        for one in slices
    ]
    step = abs(places[1] - places[0]) or 1.0
    zooms = (*(float(each) for each in slices[0].PixelSpacing), step)
    return _volume(np.stack(planes, axis=2), zooms, is_ct=slices[0].get("Modality") == "CT")


def _volume(values: npt.ArrayLike, zooms: npt.ArrayLike, *, is_ct: bool) -> Volume:
    array = np.asarray(values, dtype=np.float32)
    spacing = tuple(float(each) for each in np.asarray(zooms))
    if array.ndim != 3 or len(spacing) != 3 or min(spacing) <= 0:
        raise ValueError(f"shape {array.shape} with spacing {spacing}")
    return Volume(values=array, spacing=spacing, is_ct=is_ct)
