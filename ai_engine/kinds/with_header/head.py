"""The head that joins an image's class probabilities with sex, age and view: paper 4, section VII.

Six features: three probabilities of the classifier, three values of the DICOM header. Six nodes
with rectified linear units, initialised after He et al. (2015), then one sigmoid: opacity or not.
Paper 4 does not say how the header's values are coded; here they lie between 0 and 1 with the
middle for what the header does not tell.

Importing this module loads no Keras; building does.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from ai_engine.preprocessing.patient_context import PatientContext

FEATURES = ("Normal", "Lung Opacity", "Not Normal", "sex", "age", "view")


def opacity_features(
    probabilities: npt.NDArray[np.float32], context: PatientContext
) -> npt.NDArray[np.float32]:
    """The six features, float32 (1, 6), from the classifier's probabilities (3,) and the header."""
    return np.concatenate([probabilities, context.values()]).astype(np.float32)[np.newaxis]


def build_opacity_head() -> Any:
    """Build the head with fresh weights.

    Returns
    -------
    keras.Model
        Input float32 (n, 6) in the order of `FEATURES`. Output: the probability of a lung
        opacity, float32 (n, 1). 49 parameters.
    """
    import keras  # noqa: PLC0415 - the features are also made where no Keras is loaded
    from keras import layers  # noqa: PLC0415 - the same

    values = keras.Input((len(FEATURES),), name="features")
    x = layers.Dense(
        len(FEATURES), activation="relu", kernel_initializer="he_normal", name="joined"
    )(values)
    opacity = layers.Dense(1, activation="sigmoid", name="opacity", dtype="float32")(x)
    return keras.Model(values, opacity, name="opacity_head")
