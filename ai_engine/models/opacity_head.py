"""The head that joins an image's class probabilities with sex, age and view: paper 4, section VII.

Six features: three probabilities of the classifier, three values of the DICOM header. Six nodes
with rectified linear units, initialised after He et al. (2015), then one sigmoid: opacity or not.
Paper 4 does not say how the header's values are coded; here they lie between 0 and 1 with the
middle for what the header does not tell.

Importing this module loads no Keras; building does.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

FEATURES = ("Normal", "Lung Opacity", "Not Normal", "sex", "age", "view")
OLDEST = 100.0
"""Years at which the age's value is 1."""

UNKNOWN = 0.5


class Sex(StrEnum):
    """Patient's Sex (0010,0040)."""

    FEMALE = "F"
    MALE = "M"


class View(StrEnum):
    """View Position (0018,5101) of a frontal radiograph."""

    PA = "PA"
    AP = "AP"


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientContext:
    """What the DICOM header says; None where it says nothing usable. ``age`` is in years."""

    sex: Sex | None = None
    age: float | None = None
    view: View | None = None

    def values(self) -> tuple[float, float, float]:
        """Sex, age and view as numbers from 0 to 1."""
        sex = UNKNOWN if self.sex is None else float(self.sex is Sex.MALE)
        age = UNKNOWN if self.age is None else min(max(self.age, 0.0), OLDEST) / OLDEST
        view = UNKNOWN if self.view is None else float(self.view is View.AP)
        return sex, age, view


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
