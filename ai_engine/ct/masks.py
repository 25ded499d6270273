"""Masks written small: a bit per voxel, deflated."""

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ai_engine.ct.morphology import Mask

FASTEST = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedMask:
    """A mask of ``shape`` (slices, rows, columns) as deflated bits, row by row."""

    shape: tuple[int, int, int]
    data: bytes

    def unpack(self) -> Mask:
        """The mask, bool (slices, rows, columns)."""
        bits = np.frombuffer(zlib.decompress(self.data), np.uint8)
        flat = np.unpackbits(bits, count=int(np.prod(self.shape)))
        return flat.astype(bool).reshape(self.shape)


def pack_mask(mask: Mask) -> PackedMask:
    """Pack a bool mask of three axes."""
    return pack_label(mask.view(np.uint8), 1)


def pack_label(labels: npt.NDArray[np.uint8], number: int) -> PackedMask:
    """Pack the mask of one label, uint8 of three axes, without making it of the whole volume."""
    slices, rows, columns = labels.shape
    if rows * columns % 8:  # a slice ends within a byte
        bits = np.packbits(labels == number)
    else:
        bits = np.empty((slices, rows * columns // 8), np.uint8)
        for index, plane in enumerate(labels):
            bits[index] = np.packbits(plane == number)
    return PackedMask(shape=(slices, rows, columns), data=zlib.compress(bits.tobytes(), FASTEST))
