"""Masks written small: a bit per voxel, deflated."""

import zlib
from dataclasses import dataclass

import numpy as np

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
    slices, rows, columns = mask.shape
    data = zlib.compress(np.packbits(mask).tobytes(), FASTEST)
    return PackedMask(shape=(slices, rows, columns), data=data)
