"""Grad-CAM (Selvaraju et al., ICCV 2017), in closed form where the head allows it.

Grad-CAM weighs each channel of the last feature map by the mean gradient of a label's score over
the map. Behind global average pooling and a linear head that gradient is known without a backward
pass: it is the head's weight divided by the number of cells, everywhere. So one forward pass gives
the probabilities and the maps of all labels.
"""

import cv2
import numpy as np
import numpy.typing as npt

from ai_engine.errors import ModelFolderError
from ai_engine.library.card import ModelCard
from ai_engine.library.weights_file import read_weights
from ai_engine.prediction import HeatMap, Region

FloatArray = npt.NDArray[np.float32]


def class_activation(features: FloatArray, head: FloatArray) -> FloatArray:
    """Grad-CAM of every label behind global average pooling and a linear head.

    Parameters
    ----------
    features
        The last feature map, float32 (h, w, channels).
    head
        The head's kernel, float32 (channels, labels).

    Returns
    -------
    ndarray
        Float32 (labels, h, w), not below 0, in units of the label's logit.
    """
    cells = features.shape[0] * features.shape[1]
    maps = np.tensordot(features, head / np.float32(cells), axes=1)
    return np.maximum(np.moveaxis(maps, -1, 0), 0).astype(np.float32)


def on_both_sides(maps: FloatArray, looks_right: float = 0.0) -> FloatArray:
    """Join the maps of an image and of its mirror image, each where it looked.

    Parameters
    ----------
    maps
        Float32 (1 or 2, labels, h, w): the image's, and its mirror image's as that one was seen.
    looks_right
        By which part of a cell a cell looks further right than it lies. In the mirror image that is
        to the left, so without moving them back the two would lie twice that far apart.

    Returns
    -------
    ndarray
        Float32 (labels, h, w), the mean of both.
    """
    moved = _moved_right(maps, looks_right)
    moved[1:] = moved[1:, ..., ::-1].copy()
    return np.asarray(moved.mean(axis=0), dtype=np.float32)


def _moved_right(maps: FloatArray, part: float) -> FloatArray:
    """Maps moved by a part of a cell; the first column goes on beyond the edge."""
    beside = np.concatenate([maps[..., :1], maps[..., :-1]], axis=-1)
    return np.asarray((1 - part) * maps + part * beside, dtype=np.float32)


def gradient_activation(features: FloatArray, gradients: FloatArray) -> FloatArray:
    """Grad-CAM of one score from its gradients, for heads of any form.

    Parameters
    ----------
    features
        The feature map, float32 (h, w, channels).
    gradients
        Gradient of the score with respect to it, of the same shape.

    Returns
    -------
    ndarray
        Float32 (h, w), not below 0.
    """
    weights = gradients.mean(axis=(0, 1))
    return np.asarray(np.maximum(features @ weights, 0), dtype=np.float32)


def heat_map(
    activation: FloatArray, *, region: Region, inside: npt.NDArray[np.bool_] | None = None
) -> HeatMap:
    """Bring an activation onto its image: its strongest cell becomes 1.

    Parameters
    ----------
    activation
        Float32 (h, w), not below 0.
    region
        The part of the source image that the grid covers.
    inside
        Bool (rows, columns) of the network's input: False where it was padded. Cells count by the
        part of them that lies inside, so that nothing outside the image is shown as a finding.

    Returns
    -------
    HeatMap
        All zeros where the label was not activated anywhere.
    """
    values = activation
    if inside is not None:
        rows, columns = activation.shape
        share = cv2.resize(inside.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
        values = activation * share
    peak = float(values.max())
    scaled = values / peak if peak > 0 else np.zeros_like(values)
    return HeatMap(values=np.asarray(scaled, dtype=np.float32), region=region)


def head_kernel(card: ModelCard) -> FloatArray:
    """The kernel of a model's linear head, float32 (channels, labels), as the weights store it.

    Raises
    ------
    ModelFolderError
        If the weights have no such head; such a model needs Grad-CAM's general form.
    """
    tensors = read_weights(card.weights_path)
    if "head/kernel" not in tensors:
        raise ModelFolderError(
            f"{card.weights_path}: has no linear head (head/kernel); heat maps in closed form "
            "need one"
        )
    return tensors["head/kernel"]
