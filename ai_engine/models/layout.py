"""Where Keras keeps the channels in this process.

TensorFlow trains fastest with channels last, OpenVINO computes in channels first: a model that was
exported with channels last transposes before and after every layer and takes nearly twice as long.
The networks are built in whichever layout the process has chosen
(`keras.config.set_image_data_format`); their inputs, outputs and stored kernels are the same.
"""

from typing import Any

import keras
from keras import layers


def channel_axis() -> int:
    """The axis that holds the channels inside the network."""
    return 1 if keras.config.image_data_format() == "channels_first" else -1


def enter_layout(image: Any) -> Any:
    """From the (n, rows, columns, channels) of the network's input to the layout inside."""
    return image if channel_axis() == -1 else layers.Permute((3, 1, 2), name="enter")(image)


def leave_layout(features: Any, name: str = "leave") -> Any:
    """From the layout inside to the (n, rows, columns, channels) of the network's outputs."""
    return features if channel_axis() == -1 else layers.Permute((2, 3, 1), name=name)(features)
