"""The dual-branch DenseNet-121, frontal and lateral: paper 3, section 3.3 and fig. 2.

"The lateral and frontal branches are constructed from 3 of the 5 Dense blocks normally used in
DenseNet. Their outputs are firstly used to generate CAM visualization for both the images and are
concatenated and fed into the last 2 Dense blocks." DenseNet-121 has four dense blocks (6, 12, 24
and 16 layers), so the count needs a reading. By default a branch has the stem and the first three
dense blocks, as the words say, and what is joined goes through the last one. If the five are
DenseNet's five stages, the stem being the first, a branch has two dense blocks and two remain for
the joined part: ``branch_blocks=2`` builds that.

A class activation map needs a linear head on the map, so each branch ends in one; they are trained
with the same labels as the joined head. The transition after the branches comes after the join: its
1 x 1 convolution is the first that sees both views.

"A second branch for a lateral chest x-ray, if one is available": the third input says whether it
is. The lateral map is multiplied by it, so that what stands in for a missing lateral image has no
influence at all.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers

from ai_engine.datasets.chexpert import CHEXPERT_LABELS
from ai_engine.models.dense_blocks import BLOCKS, dense_block, normalized, reduce, stem
from ai_engine.models.start import Tensors, fitting

FRONTAL_CHANNELS = ("radiograph", "segmented lungs", "bone image")
"""Channels of the frontal input; the second and third are optional (table 1)."""

BRANCHES = ("frontal", "lateral")


def build_dual_branch(
    *,
    labels: int = len(CHEXPERT_LABELS),
    size: int = 512,
    frontal_channels: int = 1,
    branch_blocks: int = 3,
) -> keras.Model:
    """Build the network with fresh weights.

    Parameters
    ----------
    labels
        Number of sigmoid units in each of the three heads.
    size
        Rows and columns of both images.
    frontal_channels
        1 to 3 of `FRONTAL_CHANNELS`.
    branch_blocks
        Dense blocks in each branch, 2 or 3; the others follow the join.

    Returns
    -------
    keras.Model
        Inputs by name: ``frontal`` float32 (n, size, size, frontal_channels), ``lateral`` float32
        (n, size, size, 1), ``lateral_present`` float32 (n, 1), 1 or 0. Outputs in order: the joint
        probabilities (n, labels); the frontal and the lateral map (n, h, w, c), with h = size / 16
        and c = 1024 for three blocks; the probabilities of the frontal and of the lateral branch,
        whose heads' weights make the class activation maps.
    """
    frontal = keras.Input((size, size, frontal_channels), name="frontal")
    lateral = keras.Input((size, size, 1), name="lateral")
    present = keras.Input((1,), name="lateral_present")
    maps = [_branch(frontal, "frontal", branch_blocks), _branch(lateral, "lateral", branch_blocks)]
    # Indexing, not Reshape: OpenVINO's Keras backend exports that with a batch size of one.
    maps[1] = layers.Multiply(name="lateral_masked")([maps[1], present[:, None, None, :]])
    joint = _joint(layers.Concatenate(name="joined")(maps), branch_blocks)
    return keras.Model(
        {"frontal": frontal, "lateral": lateral, "lateral_present": present},
        [
            _probabilities(joint, labels, ""),
            *maps,
            *(
                _probabilities(features, labels, f"{branch}_")
                for branch, features in zip(BRANCHES, maps, strict=True)
            ),
        ],
        name="dual_branch",
    )


def branch_weights(triage: Tensors, dual: Tensors) -> dict[str, npt.NDArray[np.float32]]:
    """Start the dual branch from the trained triage model (section 3.3).

    Parameters
    ----------
    triage, dual
        Weights by path of `build_triage`'s network and of `build_dual_branch`'s.

    Returns
    -------
    dict
        ``dual`` with every tensor replaced that has a counterpart: both branches whole, and the
        dense block after the join as far as its channels agree. The heads stay as they are.

    Raises
    ------
    ValueError
        If a branch's tensor has no counterpart in ``triage``, or one of another shape.
    """
    result = dict(dual)
    for path, tensor in dual.items():
        name = path
        for branch in BRANCHES:
            name = name.removeprefix(f"{branch}_")
        source = triage.get(name)
        if name.startswith("head/"):
            continue
        if name != path:
            result[path] = fitting(source, tensor, name)
        elif source is not None and source.shape == tensor.shape:
            result[path] = source
    return result


def _branch(image: Any, branch: str, blocks: int) -> Any:
    """The stem and the first dense blocks; ends with the transition's normalisation and ReLU."""
    x = stem(image, prefix=f"{branch}_")
    for index, depth in enumerate(BLOCKS[:blocks], start=2):
        if index > 2:
            x = reduce(x, f"{branch}_pool{index - 1}")
        x = dense_block(x, depth, f"{branch}_conv{index}")
        x = normalized(x, f"{branch}_pool{index}")
    return x


def _joint(x: Any, blocks: int) -> Any:
    """The transition over both views and the remaining dense blocks."""
    last = len(BLOCKS) + 1
    for index, depth in enumerate(BLOCKS[blocks:], start=blocks + 2):
        x = reduce(x, f"pool{index - 1}")
        x = dense_block(x, depth, f"conv{index}")
        x = normalized(x, "features" if index == last else f"pool{index}")
    return x


def _probabilities(features: Any, labels: int, prefix: str) -> Any:
    pooled = layers.GlobalAveragePooling2D(name=f"{prefix}pooled", dtype="float32")(features)
    logits = layers.Dense(labels, name=f"{prefix}head", dtype="float32")(pooled)
    return layers.Activation("sigmoid", name=f"{prefix}probabilities", dtype="float32")(logits)
