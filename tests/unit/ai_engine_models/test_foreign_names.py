"""Names of tensors in other programs' DenseNet-121 find their places in ours."""

import pytest

from ai_engine.importing.layout import BLOCKS, densenet121_shapes
from ai_engine.importing.names import keras_path, torch_path

NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}


def torchvision_names() -> list[str]:
    """All that its state dictionary holds, counters left out."""
    names = ["features.conv0.weight"]
    norms = ["features.norm0", "features.norm5"]
    for block, depth in enumerate(BLOCKS, start=1):
        for index in range(1, depth + 1):
            layer = f"features.denseblock{block}.denselayer{index}"
            norms += [f"{layer}.norm1", f"{layer}.norm2"]
            names += [f"{layer}.conv1.weight", f"{layer}.conv2.weight"]
        if block < len(BLOCKS):
            norms.append(f"features.transition{block}.norm")
            names.append(f"features.transition{block}.conv.weight")
    names += [f"{norm}.{part}" for norm in norms for part in NORM]
    return [*names, "classifier.weight", "classifier.bias"]


@pytest.mark.parametrize("prefix", ["", "module.densenet121.", "model."])
def test_torchvisions_names_fill_every_place_once(prefix: str) -> None:
    paths = [torch_path(prefix + name) for name in torchvision_names()]
    assert len(paths) == len(set(paths)) == 606
    assert set(paths) == set(densenet121_shapes(labels=14))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        (
            "module.densenet121.features.denseblock1.denselayer6.norm.1.running_mean",
            "conv2_block6_0_bn/moving_mean",
        ),
        ("features.denseblock3.denselayer24.norm2.weight", "conv4_block24_1_bn/gamma"),
        ("features.denseblock4.denselayer16.conv.2.weight", "conv5_block16_2_conv/kernel"),
        ("features.transition2.norm.running_var", "pool3_bn/moving_variance"),
        ("features.norm5.bias", "features_bn/beta"),
        ("module.densenet121.classifier.0.weight", "head/kernel"),
        ("classifier.bias", "head/bias"),
        ("features.conv0.bias", None),
        ("features.norm0.num_batches_tracked", None),
        ("features.conv1.weight", None),
        ("fc.weight", None),
    ],
)
def test_pytorchs_names(name: str, path: str | None) -> None:
    assert torch_path(name) == path


@pytest.mark.parametrize(
    ("layer", "weight", "path"),
    [
        ("conv1/conv", "conv1/conv/kernel:0", "stem_conv/kernel"),
        ("conv1_conv", "kernel", "stem_conv/kernel"),
        ("conv1/bn", "conv1/bn/moving_variance:0", "stem_bn/moving_variance"),
        ("conv4_block24_2_conv", "conv4_block24_2_conv/kernel:0", "conv4_block24_2_conv/kernel"),
        ("pool3_bn", "pool3_bn/gamma:0", "pool3_bn/gamma"),
        ("bn", "bn/beta:0", "features_bn/beta"),
        ("predictions", "predictions/bias:0", "head/bias"),
        ("conv6_block1_0_bn", "conv6_block1_0_bn/gamma:0", None),
        ("block1_conv1", "block1_conv1/kernel:0", None),
        ("predictions", "predictions/momentum:0", None),
    ],
)
def test_keras_names(layer: str, weight: str, path: str | None) -> None:
    assert keras_path(layer, weight, head="predictions") == path
