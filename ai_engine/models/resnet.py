"""ResNet-50 (He et al., CVPR 2016), for paper 1's model selection (table I).

The network is Keras' own; only the first convolution takes one channel, and the head is sigmoid.

Importing this module imports Keras, on whichever backend the process has chosen.
"""

import keras

from ai_engine.models.heads import classifier


def build_resnet50(*, labels: int, size: int = 384) -> keras.Model:
    """Build the network with fresh weights.

    Returns
    -------
    keras.Model
        Input float32 (n, size, size, 1). Outputs: probabilities float32 (n, labels), and the last
        feature map (n, size / 32, size / 32, 2048), sides rounded up, after the last ReLU.
    """
    image = keras.Input((size, size, 1), name="image")
    base = keras.applications.ResNet50(include_top=False, weights=None, input_tensor=image)
    return classifier(image, base.output, labels=labels, name="resnet50")
