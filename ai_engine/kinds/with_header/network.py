"""Paper 4's whole classifier (section VII): Xception's classes, then the head with the header.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

import keras
from keras import layers

from ai_engine.kinds.with_header.head import FEATURES
from ai_engine.models.xception import OPACITY_CLASSES, build_xception

HEADER_VALUES = len(FEATURES) - len(OPACITY_CLASSES)


def build_opacity_classifier(*, labels: int = 1, size: int = 299) -> keras.Model:
    """Build `build_xception` and `build_opacity_head` as one network, with fresh weights.

    Returns
    -------
    keras.Model
        Inputs: ``image``, float32 (n, size, size, 1), and ``header``, float32 (n, 3), sex, age and
        view from 0 to 1. Outputs: the probability of a lung opacity, float32 (n, 1), those of the
        three classes, float32 (n, 3), and the last feature map. Its layers have the names that they
        have in the two networks.

    Raises
    ------
    ValueError
        If it shall have more than one label.
    """
    if labels != 1:
        raise ValueError(f"{labels} labels: paper 4's head decides on one, lung opacity")
    classes_of = build_xception(size=size)
    image = classes_of.input
    classes, features = classes_of.output
    header = keras.Input((HEADER_VALUES,), name="header")
    six = layers.Concatenate(name="features", dtype="float32")([classes, header])
    x = layers.Dense(
        len(FEATURES),
        activation="relu",
        kernel_initializer="he_normal",
        name="joined",
        dtype="float32",
    )(six)
    opacity = layers.Dense(1, activation="sigmoid", name="opacity", dtype="float32")(x)
    return keras.Model(
        {"image": image, "header": header},
        [opacity, classes, features],
        name="opacity_classifier",
    )
