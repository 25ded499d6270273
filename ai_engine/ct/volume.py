"""A CT series as one volume of Hounsfield units."""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from ai_engine.ct.geometry import Stack, stack_slices
from ai_engine.ct.refusal import CtRefusalReason, CtRefusedError, undecodable_slice
from ai_engine.ct.slices import Slice, SliceReference, Vector, read_slices
from ai_engine.ct.stated_distances import contradicting_distances, slice_thickness
from ai_engine.errors import ImageRefusedError
from ai_engine.preprocessing.decoding import DecodedPixels, decode_pixels
from ai_engine.preprocessing.header_values import UnreadableValueError, integer

AIR = -1024
LIMITS = (AIR, 3071)
"""Hounsfield units of the 12 bit scale; padding outside the scanner's circle lies below."""

MOST_VOXELS = 2**29
"""Voxels of one volume: 2048 slices of 512 x 512; measuring takes several times their memory."""

Hounsfield = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeGeometry:
    """Where a volume's voxels are, in patient coordinates (PS3.3 C.7.6.2.1.1).

    ``shape`` is (slices, rows, columns), ``spacing`` the distance in mm between them; slices run
    from head to feet. ``rows_along`` and ``columns_along`` are the directions in which row and
    column numbers grow (x to the patient's left, y to the back, z to the head). ``references``
    and ``positions`` name each slice and the place of its first voxel's centre in mm.
    ``slice_thickness`` is in mm as stated, 0 where it isn't: slices may overlap.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    rows_along: Vector
    columns_along: Vector
    references: tuple[SliceReference, ...]
    positions: tuple[Vector, ...]
    slice_thickness: float = 0.0

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(np.prod(self.spacing)) / 1000.0

    @property
    def left_is_high(self) -> bool:
        """Whether column numbers grow towards the patient's left."""
        return self.columns_along[0] > 0

    @property
    def back_is_high(self) -> bool:
        """Whether row numbers grow towards the patient's back."""
        return self.rows_along[1] > 0

    def part(self, slices: range) -> "VolumeGeometry":
        """The geometry of some slices that follow each other."""
        return replace(
            self,
            shape=(len(slices), *self.shape[1:]),
            references=self.references[slices.start : slices.stop],
            positions=self.positions[slices.start : slices.stop],
        )

    def place(self, index: int, row: float, column: float) -> Vector:
        """The patient coordinates in mm of a voxel's centre; slices are counted from 0."""
        across = np.array(self.columns_along) * column * self.spacing[2]
        down = np.array(self.rows_along) * row * self.spacing[1]
        x, y, z = np.array(self.positions[index]) + across + down
        return float(x), float(y), float(z)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CtVolume:
    """One series: int16 (slices, rows, columns) Hounsfield units, clipped to −1024 … 3071.

    ``contrast`` says whether a contrast agent is stated; ``corrections`` are sentences on what the
    headers say of the pixels and they do not hold.
    """

    hounsfield: Hounsfield
    geometry: VolumeGeometry
    contrast: bool = False
    corrections: tuple[str, ...] = ()

    @property
    def sop_instance_uids(self) -> tuple[str, ...]:
        """The SOP Instance UID of each slice; multi-frame objects repeat theirs."""
        return tuple(reference.sop_instance_uid for reference in self.geometry.references)

    def part(self, slices: range) -> "CtVolume":
        """Some slices that follow each other, as a volume of their own."""
        if len(slices) == len(self.hounsfield):
            return self
        return replace(
            self,
            hounsfield=self.hounsfield[slices.start : slices.stop],
            geometry=self.geometry.part(slices),
        )


def read_volume(datasets: Sequence[Dataset], *, threads: int = 2) -> CtVolume:
    """Decode one series into a volume; the order of ``datasets`` doesn't matter.

    Raises
    ------
    CtRefusedError
        If the objects aren't one measurable axial CT series, or a slice can't be decoded.
    """
    stack = stack_slices(read_slices(datasets))
    first = stack.slices[0]
    hounsfield, corrections = _decode(stack, threads)
    slices, rows, columns = hounsfield.shape
    geometry = VolumeGeometry(
        shape=(slices, rows, columns),
        spacing=(stack.step, *first.spacing),
        rows_along=first.rows_along,
        columns_along=first.columns_along,
        references=tuple(entry.reference for entry in stack.slices),
        positions=tuple(entry.position for entry in stack.slices),
        slice_thickness=slice_thickness(stack),
    )
    contrast = any(entry.contrast for entry in stack.slices)
    return CtVolume(
        hounsfield=hounsfield,
        geometry=geometry,
        contrast=contrast,
        corrections=(*corrections, *contradicting_distances(stack)),
    )


def slice_hounsfield(dataset: Dataset, frame_number: int | None = None) -> Hounsfield:
    """One slice of an object: int16 (rows, columns) Hounsfield units; frames count from 1.

    Raises
    ------
    CtRefusedError
        If it isn't a CT slice, or can't be decoded.
    """
    entries = read_slices([dataset])
    entry = entries[(frame_number or 1) - 1]
    return _hounsfield(entry, _decoded(entry).values)


def _decode(stack: Stack, threads: int) -> tuple[Hounsfield, tuple[str, ...]]:
    shape = (len(stack.slices), *stack.slices[0].shape)
    if math.prod(shape) > MOST_VOXELS:
        detail = f"the series has {math.prod(shape)} voxels, at most {MOST_VOXELS} are measured"
        raise CtRefusedError(CtRefusalReason.UNDECODABLE, detail)
    volume = np.empty(shape, np.int16)

    def fill(index: int) -> tuple[str, ...]:
        decoded = _decoded(stack.slices[index])
        volume[index] = _hounsfield(stack.slices[index], decoded.values)
        return decoded.corrections

    with ThreadPoolExecutor(threads) as pool:
        said = chain.from_iterable(pool.map(fill, range(len(volume))))
        corrections = tuple(dict.fromkeys(said))
    volume.flags.writeable = False
    return volume, corrections


def _decoded(entry: Slice) -> DecodedPixels:
    frame = entry.reference.frame_number
    try:
        decoded = decode_pixels(entry.dataset, frame=None if frame is None else frame - 1, raw=True)
    except ImageRefusedError as error:
        raise undecodable_slice(error) from error
    if decoded.values.shape != entry.shape:
        detail = "an object holds more than the slice that its header states"
        raise CtRefusedError(CtRefusalReason.UNDECODABLE, detail)
    return decoded


def _hounsfield(entry: Slice, stored: npt.NDArray[Any]) -> Hounsfield:
    if entry.slope == 1.0 and entry.intercept.is_integer():
        values = stored.astype(np.int32) + int(entry.intercept)
    else:
        values = np.rint(stored * entry.slope + entry.intercept)
    if (beyond := values > LIMITS[1]).any():
        values[beyond & _is_padding(entry.dataset, stored)] = AIR
    return np.clip(values, *LIMITS).astype(np.int16)


def _is_padding(dataset: Dataset, stored: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Where there is no pixel but Pixel Padding Value (PS3.3 C.7.5.1.1.2), whatever its sign.

    Asked only of what is beyond the scale: there it would be metal around the scanner's circle.
    Within the scale a value that is stated wrongly would take pixels of the body away.
    """
    try:
        padding = integer(dataset, "PixelPaddingValue")
    except UnreadableValueError:
        padding = None
    if padding is None or stored.dtype.kind not in "iu":
        return np.zeros(stored.shape, np.bool_)
    bits = 8 * stored.dtype.itemsize
    return np.asarray(stored.view(f"u{stored.dtype.itemsize}") == padding % (1 << bits))
