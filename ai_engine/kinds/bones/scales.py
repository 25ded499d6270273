"""The scales and widths of the bone generators. Loads no Keras."""

SCALES = (64, 128, 256, 512)
"""Rows and columns of the pyramid's scales, coarse to fine."""

BASE_CHANNELS = 32

CHANNELS = {"bone_generator": BASE_CHANNELS, "bone_generator_small": BASE_CHANNELS // 8}
"""Channels of each scale's widest map, by the name that cards and recipes use."""

COARSEST = {"bone_generator": SCALES[0], "bone_generator_small": SCALES[0] // 2}


def scales_of(architecture: str, size: int) -> tuple[int, ...]:
    """The scales for an input of ``size``: halved until the coarsest is reached."""
    scales = [size]
    while scales[0] > COARSEST[architecture]:
        scales.insert(0, scales[0] // 2)
    return tuple(scales)
