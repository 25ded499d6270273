"""Foreign weights become a model folder, or a clear error."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from safetensors.numpy import save_file

from ai_engine.commands.import_weights import ImportRequest, import_densenet121
from ai_engine.errors import AiEngineError, WeightImportError
from ai_engine.importing.convert import convert_densenet121
from ai_engine.importing.keras_h5 import read_keras_h5
from ai_engine.importing.layout import STEM_KERNEL, densenet121_shapes
from ai_engine.importing.profiles import (
    CHEXNET,
    XRAYVISION,
    card_labels,
    profile_named,
    with_labels,
)
from ai_engine.importing.source import Array, Framework, SourceTensors
from ai_engine.library.card import read_card
from ai_engine.library.registry import ModelRegistry, verify_weights
from ai_engine.library.weights_file import read_weights
from tests.unit.ai_engine_models.test_foreign_names import torchvision_names

FILE = Path("weights.pth")
LABELS = 14


def keras_source(*, channels: int = 1, epsilon: float = 1e-5) -> SourceTensors:
    """Tensors under our own names, all ones."""
    shapes = densenet121_shapes(labels=LABELS, input_channels=channels)
    return SourceTensors(
        framework=Framework.KERAS,
        tensors={path: np.ones(shape, np.float32) for path, shape in shapes.items()},
        paths={path: path for path in shapes},
        epsilon=epsilon,
    )


def changed(change: Callable[[dict[str, Array], dict[str, str | None]], Any]) -> SourceTensors:
    source = keras_source()
    tensors, paths = dict(source.tensors), dict(source.paths)
    change(tensors, paths)
    return SourceTensors(
        framework=source.framework, tensors=tensors, paths=paths, epsilon=source.epsilon
    )


def torch_tensors(labels: int, channels: int) -> dict[str, Array]:
    """A state dictionary's worth of ones in PyTorch's shapes."""
    from ai_engine.importing.names import torch_path  # noqa: PLC0415

    shapes = densenet121_shapes(labels=labels, input_channels=channels)
    tensors = {}
    for name in torchvision_names():
        path = torch_path(name)
        assert path is not None
        shape = shapes[path]
        axes = (3, 2, 0, 1) if len(shape) == 4 else tuple(reversed(range(len(shape))))
        tensors[name] = np.ones(tuple(shape[axis] for axis in axes), np.float32)
    return tensors


def convert(source: SourceTensors, **settings: Any) -> dict[str, Array]:
    return convert_densenet121(source, file=FILE, labels=LABELS, **settings)


def test_three_input_channels_are_summed() -> None:
    source = keras_source(channels=3)
    kernel = np.random.default_rng(1).random((7, 7, 3, 64), dtype=np.float32)
    tensors = convert(
        SourceTensors(
            framework=source.framework,
            tensors={**source.tensors, STEM_KERNEL: kernel},
            paths=source.paths,
            epsilon=source.epsilon,
        )
    )
    np.testing.assert_allclose(tensors[STEM_KERNEL][:, :, 0], kernel.sum(axis=2), rtol=1e-6)


def test_the_inputs_scale_goes_into_the_first_convolution() -> None:
    tensors = convert(keras_source(), input_scale=512)
    assert (tensors[STEM_KERNEL] == 512).all()
    assert (tensors["conv2_block1_1_conv/kernel"] == 1).all()


def test_another_epsilon_goes_into_the_variance() -> None:
    tensors = convert(keras_source(epsilon=1e-3))
    np.testing.assert_allclose(tensors["stem_bn/moving_variance"] + 1e-5, 1 + 1e-3, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda tensors, paths: paths.pop("pool3_bn/gamma"),
            r"weights\.pth: lacks pool3_bn/gamma; only DenseNet-121",
        ),
        (
            lambda tensors, paths: paths.update({"fc.weight": None}),
            r"no place for: fc\.weight",
        ),
        (
            lambda tensors, paths: paths.update({f"stray{n}": None for n in range(7)}),
            r"stray4 and 2 more",
        ),
        (
            lambda tensors, paths: paths.update({"again": "head/bias"}),
            r"more than one tensor for head/bias",
        ),
        (
            lambda tensors, paths: tensors.update({"head/kernel": np.ones((1024, 5))}),
            r"layer head/kernel, from head/kernel, has shape \(1024, 5\), expected \(1024, 14\)"
            r".*list of labels",
        ),
        (
            lambda tensors, paths: tensors.update({STEM_KERNEL: np.ones((7, 7, 4, 64))}),
            r"stem_conv/kernel.* has shape \(7, 7, 4, 64\), expected \(7, 7, 1, 64\)",
        ),
        (
            lambda tensors, paths: tensors.update({STEM_KERNEL: np.ones(3)}),
            r"stem_conv/kernel.* has shape \(3,\)",
        ),
    ],
)
def test_other_networks_are_refused_by_layer(change: Any, words: str) -> None:
    with pytest.raises(WeightImportError, match=words) as wrong:
        convert(changed(change))
    assert isinstance(wrong.value, AiEngineError)


@pytest.mark.slow
def test_an_import_writes_weights_and_a_draft_card(tmp_path: Path) -> None:
    file = tmp_path / "nih.safetensors"
    thresholds = np.full(18, 0.1, np.float32)
    thresholds[3] = np.nan
    save_file(torch_tensors(18, 1) | {"op_threshs": thresholds}, file)
    request = ImportRequest(
        file=file, profile=XRAYVISION, out=tmp_path / "models", name="xrv", version="1.0.0"
    )
    card = import_densenet121(request)
    assert card == read_card(card.folder) == ModelRegistry(request.out).card("xrv", "1.0.0")
    verify_weights(card)
    assert card.research_only
    assert "from -1024 to 1024" in card.limitations[1]
    assert [label.threshold for label in card.labels[2:5]] == pytest.approx([0.1, 1.0, 0.1])
    assert any("no operating point for Pneumothorax," in each for each in card.limitations)
    tensors = read_weights(card.weights_path)
    assert {name: value.shape for name, value in tensors.items()} == densenet121_shapes(labels=18)
    assert str(tmp_path) not in card.command


@pytest.mark.slow
def test_a_head_of_ones_own_needs_its_labels(tmp_path: Path) -> None:
    file = tmp_path / "own.safetensors"
    save_file(torch_tensors(2, 3), file)
    profile = with_labels(CHEXNET, ("Pneumonia", "Lung_Scar"))
    request = ImportRequest(file=file, profile=profile, out=tmp_path, name="own", version="1.0.0")
    pneumonia, scar = import_densenet121(request).labels
    assert pneumonia.code is not None
    assert (scar.title, scar.code) == ("Lung Scar", None)


def test_wrong_requests_are_explained(tmp_path: Path) -> None:
    request = ImportRequest(
        file=tmp_path / "weights.onnx", profile=CHEXNET, out=tmp_path, name="a", version="1.0.0"
    )
    with pytest.raises(WeightImportError, match=r"weights\.onnx: no reader.*\.h5"):
        import_densenet121(request)
    with pytest.raises(WeightImportError, match="known are chexnet, torchxrayvision"):
        profile_named("mimic")
    assert profile_named("chexnet") is CHEXNET
    with pytest.raises(WeightImportError, match=r"3 operating points came .* for 1 labels"):
        card_labels(("Mass",), (0.1, 0.2, 0.3))


def test_an_h5_file_without_named_layers_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.weights.h5"
    with pytest.raises(WeightImportError, match="not a readable H5"):
        read_keras_h5(path)
    with h5py.File(path, "w") as file:
        file.create_group("layers/conv2d/vars")
    with pytest.raises(WeightImportError, match="holds no layers by name"):
        read_keras_h5(path)
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["conv1/conv"]
    with pytest.raises(WeightImportError, match="not a readable H5"):
        read_keras_h5(path)


def _external_link(group: Any, secret: Path) -> None:
    group["conv1/kernel:0"] = h5py.ExternalLink(str(secret), "values")


def _external_storage(group: Any, secret: Path) -> None:
    group.create_dataset(
        "conv1/kernel:0", (4,), np.float32, external=[(str(secret), 0, h5py.h5f.UNLIMITED)]
    )


def _virtual(group: Any, secret: Path) -> None:
    layout = h5py.VirtualLayout((4,), np.float32)
    layout[:] = h5py.VirtualSource(str(secret), "values", (4,))
    group.create_virtual_dataset("conv1/kernel:0", layout)


def _without_bytes(group: Any, _: Path) -> None:
    group.create_dataset("conv1/kernel:0", (1 << 40,), np.float32, chunks=(1024,))


def _a_group(group: Any, _: Path) -> None:
    group.create_group("conv1/kernel:0")


@pytest.mark.parametrize(
    "write", [_external_link, _external_storage, _virtual, _without_bytes, _a_group]
)
def test_an_h5_file_takes_no_values_from_elsewhere_and_no_memory(
    tmp_path: Path, write: Callable[[Any, Path], None]
) -> None:
    secret = tmp_path / "secret.h5"
    with h5py.File(secret, "w") as file:
        file["values"] = np.ones(4, np.float32)
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["conv1"]
        group = file.create_group("conv1")
        group.attrs["weight_names"] = ["conv1/kernel:0"]
        write(group, secret)
    with pytest.raises(WeightImportError, match=r"another file|of this file|than the file has"):
        read_keras_h5(path)


def test_a_network_nested_as_one_layer_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    weights = {"conv1/conv/kernel:0": (7, 7, 3, 64), "base/bn/gamma:0": (1024,)}
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights")
        root.attrs["layer_names"] = ["input", "base", "output"]
        root.create_group("input").attrs["weight_names"] = []
        for layer, names in (("base", weights), ("output", {"output/kernel:0": (1024, 14)})):
            group = root.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, shape in names.items():
                group[name] = np.zeros(shape, np.float32)
    assert set(read_keras_h5(path).paths.values()) == {
        "stem_conv/kernel", "features_bn/gamma", "head/kernel",
    }  # fmt: skip
