"""Weights of ResNet-50, VGG16 and Xception in files of others, as starts of a training."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ai_engine.errors import WeightImportError
from ai_engine.importing.onnx_weights import read_onnx_weights
from ai_engine.importing.pytorch_file import read_pytorch
from ai_engine.importing.source import Array
from ai_engine.importing.start_names import VGG16_LAYERS, keras_paths, resnet50_path
from ai_engine.importing.starts import LAYERS, start_tensors
from tests.unit.ai_engine import onnx_files

RESNET_BLOCKS = (3, 4, 6, 3)
BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


def numbers(shape: tuple[int, ...], seed: int) -> Array:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def resnet50() -> dict[str, Array]:
    """torchvision's names, with two channels everywhere but in front and at the head."""
    convolutions = {"conv1": (2, 3, 7, 7)}
    for stage, count in enumerate(RESNET_BLOCKS, start=1):
        for block in range(count):
            place = f"layer{stage}.{block}"
            convolutions |= {f"{place}.conv{at}": (2, 2, 3, 3) for at in (1, 2, 3)}
            if block == 0:
                convolutions[f"{place}.downsample.0"] = (2, 2, 1, 1)
    tensors = {
        f"{name}.weight": numbers(shape, at)
        for at, (name, shape) in enumerate(convolutions.items())
    }
    for name in convolutions:
        after = name.replace("conv", "bn").replace("downsample.0", "downsample.1")
        tensors |= {f"{after}.{part}": numbers((2,), len(after)) for part in BATCH_NORM}
    return tensors | {"fc.weight": numbers((1000, 2), 1), "fc.bias": numbers((1000,), 2)}


def vgg16() -> dict[str, Array]:
    """torchvision's names of VGG16 without batch normalisation, with two channels."""
    tensors = {}
    for at in VGG16_LAYERS:
        tensors[f"features.{at}.weight"] = numbers((2, 3 if at == 0 else 2, 3, 3), at)
        tensors[f"features.{at}.bias"] = numbers((2,), at)
    return tensors


def xception() -> dict[str, Array]:
    """Cadene's and timm's names, with two channels."""
    tensors = {"conv1.weight": numbers((2, 3, 3, 3), 1), "conv2.weight": numbers((2, 2, 3, 3), 2)}
    separable = ["conv3", "conv4"]
    normalised = ["bn1", "bn2", "bn3", "bn4"]
    for block in range(1, 13):
        # The first block has no rectifier in front, and two repeats, as has the last.
        count, first = (2 if block in {1, 2, 3, 12} else 3), int(block > 1)
        for at in range(count):
            separable.append(f"block{block}.rep.{first + 3 * at}")
            normalised.append(f"block{block}.rep.{first + 3 * at + 1}")
        if block in {1, 2, 3, 12}:
            tensors[f"block{block}.skip.weight"] = numbers((2, 2, 1, 1), block)
            normalised.append(f"block{block}.skipbn")
    for at, name in enumerate(separable):
        tensors[f"{name}.conv1.weight"] = numbers((2, 1, 3, 3), at)
        tensors[f"{name}.pointwise.weight"] = numbers((2, 2, 1, 1), at + 50)
    for name in normalised:
        tensors |= {f"{name}.{part}": numbers((2,), len(name)) for part in BATCH_NORM}
    return tensors | {"fc.weight": numbers((1000, 2), 1)}


def read(tmp_path: Path, tensors: dict[str, Array], network: str) -> dict[str, Array]:
    file = tmp_path / f"{network}.safetensors"
    save_file(tensors, file)
    return start_tensors(read_pytorch(file), network, file=file)


def test_resnet_50s_blocks_and_shortcuts_have_their_places(tmp_path: Path) -> None:
    given = resnet50()
    found = read(tmp_path, given, "resnet50")
    assert len({path.rpartition("/")[0] for path in found}) == 2 * LAYERS["resnet50"]
    shortcut = given["layer3.0.downsample.0.weight"].transpose(2, 3, 1, 0)
    assert np.array_equal(found["conv4_block1_0_conv/kernel"], shortcut)
    assert np.array_equal(found["conv5_block3_3_bn/gamma"], given["layer4.2.bn3.weight"])
    assert np.array_equal(found["conv2_block1_1_conv/bias"], np.zeros(2))
    # A grey image in place of three equal channels: the sum of their kernels.
    assert found["conv1_conv/kernel"].shape == (7, 7, 1, 2)
    whole = given["conv1.weight"].transpose(2, 3, 1, 0).sum(axis=2, keepdims=True)
    assert np.allclose(found["conv1_conv/kernel"], whole)
    assert not any("fc" in path for path in found)
    assert resnet50_path("module.layer1.0.conv2.weight") == "conv2_block1_2_conv/kernel"


def test_vgg16s_convolutions_have_their_places(tmp_path: Path) -> None:
    given = vgg16() | {"classifier.0.weight": numbers((4, 2), 3)}
    found = read(tmp_path, given, "vgg16")
    assert len(found) == 2 * LAYERS["vgg16"]
    assert found["block1_conv1/kernel"].shape == (3, 3, 3, 2)
    assert np.array_equal(found["block5_conv3/bias"], given["features.28.bias"])


def test_xceptions_repeats_have_their_places(tmp_path: Path) -> None:
    given = xception()
    found = read(tmp_path, given, "xception")
    assert len({p.rpartition("/")[0] for p in found if "bn" not in p and "batch" not in p}) == 40
    second = given["block2.rep.4.pointwise.weight"].transpose(2, 3, 1, 0)
    assert np.array_equal(found["block3_sepconv2/pointwise_kernel"], second)
    first = given["block1.rep.0.conv1.weight"].transpose(2, 3, 0, 1)
    assert np.array_equal(found["block2_sepconv1/depthwise_kernel"], first)
    assert np.array_equal(found["block13_sepconv2_bn/beta"], given["block12.rep.5.bias"])
    assert np.array_equal(found["conv2d_3/kernel"].ravel(), second_order(given, "block12.skip"))
    assert "batch_normalization/gamma" in found
    assert np.array_equal(found["block14_sepconv2_bn/gamma"], given["bn4.weight"])


def second_order(given: dict[str, Array], name: str) -> Array:
    return given[f"{name}.weight"].transpose(2, 3, 1, 0).ravel()


def test_layers_that_keras_counted_are_counted_anew() -> None:
    names = [("conv2d_7", "conv2d_7/kernel:0"), ("conv2d_5", "conv2d_5/kernel:0")]
    assert keras_paths(names) == {names[0]: "conv2d_1/kernel", names[1]: "conv2d/kernel"}


def test_half_a_network_is_no_start(tmp_path: Path) -> None:
    given = {name: each for name, each in vgg16().items() if not name.startswith("features.28")}
    with pytest.raises(WeightImportError, match="has 12 of the 13 convolutions of VGG16"):
        read(tmp_path, given, "vgg16")


def onnx(tensors: dict[str, Array]) -> bytes:
    """A chain of VGG16's convolutions."""
    nodes, last = [], "image"
    for at in VGG16_LAYERS:
        inputs = [last, f"features.{at}.weight", f"features.{at}.bias"]
        last = f"after{at}"
        nodes.append(onnx_files.node("Conv", inputs, [last], pads=[1, 1, 1, 1]))
    return onnx_files.model(
        nodes,
        inputs=[onnx_files.value("image", [1, 3, 16, 16])],
        outputs=[onnx_files.value(last, [1, 2, 16, 16])],
        weights=tensors,
    )


def test_onnx_with_the_names_of_training_is_a_start(tmp_path: Path) -> None:
    given = vgg16()
    file = tmp_path / "vgg16.onnx"
    file.write_bytes(onnx(given))
    found = start_tensors(read_onnx_weights(file), "vgg16", file=file)
    kernel = given["features.10.weight"].transpose(2, 3, 1, 0)
    assert np.array_equal(found["block3_conv1/kernel"], kernel)


def test_onnx_without_them_is_told(tmp_path: Path) -> None:
    file = tmp_path / "served.onnx"
    file.write_bytes(onnx_files.classifier())
    with pytest.raises(WeightImportError, match="have not the names of training"):
        read_onnx_weights(file)
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(WeightImportError, match="breaks off"):
        read_onnx_weights(file)
    with pytest.raises(WeightImportError, match="can't be read"):
        read_onnx_weights(tmp_path / "none.onnx")
