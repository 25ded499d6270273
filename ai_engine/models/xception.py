"""Xception (Chollet, CVPR 2017) with three classes: paper 4, sections VI and VII.

The network is Keras' own. Paper 4, section V, explains its separable convolution as pointwise
first, then depthwise; Chollet notes (section 2) that in stacked blocks the order does not matter,
and his own network, which paper 4 names, convolves depthwise first. That one is built here.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

from dataclasses import dataclass

import keras

from ai_engine.models.heads import classifier, three_channels

OPACITY_CLASSES = ("Normal", "Lung Opacity", "No Lung Opacity / Not Normal")
"""The classes of the RSNA data set in the order of the outputs, which paper 4 lists as normal,
lung opacity and non-normal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDecay:
    """Stochastic gradient descent whose rate is multiplied by ``factor`` every few epochs."""

    learning_rate: float
    momentum: float
    factor: float
    every_epochs: int

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch, counted from 0."""
        return float(self.learning_rate * self.factor ** (epoch // self.every_epochs))


OPACITY_TRAINING = StepDecay(learning_rate=0.045, momentum=0.9, factor=0.94, every_epochs=2)
"""Paper 4, section III. It is printed for ImageNet and is the only schedule that paper 4 states."""


def build_xception(*, labels: int = len(OPACITY_CLASSES), size: int = 299) -> keras.Model:
    """Build the classifier with fresh weights.

    Parameters
    ----------
    labels
        Classes of which one holds.
    size
        Rows and columns of the input, at least 71; 299 is Chollet's, paper 4 states none.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1); the network sees it three times over, so that ImageNet
        weights fit. Outputs: probabilities float32 (n, labels) that sum to 1, and the last feature
        map (n, size / 32, size / 32, 2048), sides rounded up.
    """
    _count_names_anew()
    image = keras.Input((size, size, 1), name="image")
    base = keras.applications.Xception(
        include_top=False, weights=None, input_tensor=three_channels(image)
    )
    return classifier(image, base.output, labels=labels, name="xception", activation="softmax")


def _count_names_anew() -> None:
    """Let Keras number layers without a name of their own from the first.

    It numbers them through a process, but weights are kept by name. Nothing else may change.
    """
    policy = keras.mixed_precision.dtype_policy()
    keras.backend.clear_session(free_memory=False)
    keras.mixed_precision.set_global_policy(policy)
