"""A network that says where lung is, whatever fills it, on voxels of 4 mm packed into cells.

A 3D U-Net (Çiçek et al., MICCAI 2016). A cell's 2 × 2 × 2 voxels are its channels, at the input as
at the output (Shi et al., CVPR 2016): nothing is lost, and the widest layers see an eighth of the
voxels. Importing this module imports Keras.
"""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

FILTERS = (24, 32, 48, 64)
"""Channels from cells of two voxels down to such of sixteen."""

SCALES = ((-1000.0, 400.0), (-160.0, 200.0), (100.0, 700.0))
"""Hounsfield units of lung, soft tissue and bone, each scaled to 0 to 1."""

MARGIN = 8
"""Voxels of air around a scan that is looked at."""

AIR = -1024

Floats = npt.NDArray[np.float32]


def build() -> keras.Model:
    """The network with fresh weights.

    Input float32 (n, slices, rows, columns, 24) of cells, output each voxel's logits of the right
    and the left lung, (…, 16); sizes are multiples of 8.
    """
    cells = keras.Input((None, None, None, 8 * len(SCALES)), name="cells")
    x: Any = cells
    skips = []
    for level, width in enumerate(FILTERS):
        if level:
            x = layers.MaxPooling3D(2)(x)
        x = _block(x, width)
        skips.append(x)
    for level in reversed(range(len(FILTERS) - 1)):
        x = layers.Concatenate()([layers.UpSampling3D(2)(x), skips[level]])
        x = _block(x, FILTERS[level])
    return keras.Model(cells, layers.Conv3D(16, 1, dtype="float32")(x), name="lung_cells")


def _block(x: Any, width: int) -> Any:
    for _ in range(2):
        x = layers.Conv3D(width, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization(momentum=0.9)(x))
    return x


def scaled(values: Floats) -> Floats:
    """Hounsfield units in each of `SCALES`: one more axis, at the end."""
    each = [(np.clip(values, low, high) - low) / (high - low) for low, high in SCALES]
    return np.stack(each, axis=-1).astype(np.float32)


def packed(voxels: Floats) -> Floats:
    """Voxels (slices, rows, columns, n) as cells: (half of each, 8 n)."""
    depth, height, width, each = voxels.shape
    cells = voxels.reshape(depth // 2, 2, height // 2, 2, width // 2, 2, each)
    cells = cells.transpose(0, 2, 4, 1, 3, 5, 6)
    return np.ascontiguousarray(cells.reshape(depth // 2, height // 2, width // 2, 8 * each))


def unpacked(cells: Floats) -> Floats:
    """Cells as voxels: the inverse of `packed`."""
    depth, height, width, channels = cells.shape
    voxels = cells.reshape(depth, height, width, 2, 2, 2, channels // 8)
    voxels = voxels.transpose(0, 3, 1, 4, 2, 5, 6)
    return voxels.reshape(2 * depth, 2 * height, 2 * width, channels // 8)


def expected(network: Any, values: Floats) -> Floats:
    """Probabilities of both lungs, (slices, rows, columns, 2), from Hounsfield units of 4 mm."""
    shape = values.shape
    room = [(MARGIN, MARGIN + -(length + 2 * MARGIN) % 16) for length in shape]
    cells = packed(scaled(np.pad(values, room, constant_values=AIR)))
    logits = unpacked(np.asarray(network(cells[np.newaxis], training=False))[0])
    inside = tuple(slice(MARGIN, MARGIN + length) for length in shape)
    return np.asarray(1.0 / (1.0 + np.exp(-logits[inside])), np.float32)
