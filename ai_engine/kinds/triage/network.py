"""The binary triage model, normal or not: paper 3, sections 2 and 3.3.

"We add a stride 2 convolution and a stride 2 max pooling layer at the input of our DenseNet-121,
to quickly reduce the dimensionality of our inputs from 512 x 512 to 128 x 128." That is what
DenseNet-121's own stem does (7 x 7 convolution and 3 x 3 pooling, stride 2 each), and 512 to 128
is what it yields, so the sentence is read as describing that stem at the larger input, not as a
second one before it. Paper 3's baseline took the image as RGB and changed to one grayscale channel
when further channels came in; here it is one channel from the start.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

import keras

from ai_engine.models.densenet import build_densenet121

TRIAGE_SIZE = 512
TRIAGE_LABEL = "Abnormal"


def build_triage(*, labels: int = 1, size: int = TRIAGE_SIZE, channels: int = 1) -> keras.Model:
    """Build DenseNet-121 for triage with fresh weights.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, channels): the radiograph, and the segmented lungs if there
        are two. Outputs: the probability that the radiograph is not
        normal, float32 (n, labels), and the last feature map (n, size / 32, size / 32, 1024).
    """
    return build_densenet121(labels=labels, size=size, channels=channels)
