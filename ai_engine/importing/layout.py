"""Every tensor of the engine's DenseNet-121, by path, with its shape. A test holds it to Keras."""

BLOCKS = (6, 12, 24, 16)
GROWTH_RATE = 32
BOTTLENECK = 128
STEM_CHANNELS = 64
NORMALIZATION = ("gamma", "beta", "moving_mean", "moving_variance")
STEM_KERNEL = "stem_conv/kernel"

Shape = tuple[int, ...]


def densenet121_shapes(*, labels: int, input_channels: int = 1) -> dict[str, Shape]:
    """Path and shape of each tensor, in the network's order.

    Convolution kernels are (rows, columns, input channels, filters), dense kernels (inputs, units).
    """
    shapes: dict[str, Shape] = {STEM_KERNEL: (7, 7, input_channels, STEM_CHANNELS)}
    shapes |= _normalization("stem_bn", STEM_CHANNELS)
    channels = STEM_CHANNELS
    for block, depth in enumerate(BLOCKS, start=2):
        for index in range(1, depth + 1):
            shapes |= _dense_layer(f"conv{block}_block{index}", channels)
            channels += GROWTH_RATE
        if block < len(BLOCKS) + 1:
            shapes |= _normalization(f"pool{block}_bn", channels)
            shapes[f"pool{block}_conv/kernel"] = (1, 1, channels, channels // 2)
            channels //= 2
    shapes |= _normalization("features_bn", channels)
    return shapes | {"head/kernel": (channels, labels), "head/bias": (labels,)}


def _dense_layer(name: str, channels: int) -> dict[str, Shape]:
    return {
        **_normalization(f"{name}_0_bn", channels),
        f"{name}_1_conv/kernel": (1, 1, channels, BOTTLENECK),
        **_normalization(f"{name}_1_bn", BOTTLENECK),
        f"{name}_2_conv/kernel": (3, 3, BOTTLENECK, GROWTH_RATE),
    }


def _normalization(name: str, channels: int) -> dict[str, Shape]:
    return {f"{name}/{part}": (channels,) for part in NORMALIZATION}
