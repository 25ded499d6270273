"""Imported networks answer as the originals do in PyTorch, to within 1e-4."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ai_engine.commands.import_weights import ImportRequest, import_densenet121
from ai_engine.importing.profiles import CHEXNET, XRAYVISION
from ai_engine.library.card import read_card
from ai_engine.library.registry import verify_weights
from ai_engine.library.weights_file import assign_weights, read_weights
from ai_engine.models.catalogue import build

torch = pytest.importorskip("torch", reason="PyTorch is absent: no parity with it to measure")
pytest.importorskip("keras")

SIZE = 64
PARITY = 1e-4


def network(channels: int, labels: int, *, sequential_head: bool = False) -> Any:
    from tests.integration.ai_engine_models import torch_densenet  # noqa: PLC0415

    made = torch_densenet.DenseNet(
        labels=labels, channels=channels, sequential_head=sequential_head
    )
    return torch_densenet.randomized(made, seed=labels)


def answers(network: Any, images: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        answer = network(torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))))
    return np.asarray(answer)


def served(request: ImportRequest, images: np.ndarray) -> np.ndarray:
    """Import, read back, and run the model of the written folder."""
    card = import_densenet121(request)
    assert read_card(card.folder) == card
    verify_weights(card)
    model = build(card.architecture, labels=len(card.labels), size=SIZE)
    assign_weights(model, read_weights(card.weights_path), source=card.weights_path)
    made = model(images, training=False)[0]
    return np.asarray(made.detach() if hasattr(made, "detach") else made)


def images() -> np.ndarray:
    return np.random.default_rng(9).standard_normal((2, SIZE, SIZE, 1), dtype=np.float32)


@pytest.mark.parametrize("zipped", [True, False])
def test_chexnet(tmp_path: Path, zipped: bool) -> None:
    original = network(3, len(CHEXNET.labels), sequential_head=True)
    old_names = {
        "module.densenet121." + name.replace("norm1", "norm.1").replace("norm2", "norm.2")
        .replace(".conv1.", ".conv.1.").replace(".conv2.", ".conv.2."): value
        for name, value in original.state_dict().items()
    }  # fmt: skip
    moments = torch.optim.Adam(original.parameters())
    original(torch.zeros(1, 3, 32, 32)).sum().backward()
    moments.step()
    moments.load_state_dict(moments.state_dict())
    file = tmp_path / "model.pth.tar"
    checkpoint = {"epoch": 3, "state_dict": old_names, "optimizer": moments.state_dict()}
    torch.save(checkpoint, file, _use_new_zipfile_serialization=zipped)
    reference = network(3, len(CHEXNET.labels), sequential_head=True)
    reference.load_state_dict(original.state_dict())
    request = ImportRequest(
        file=file, profile=CHEXNET, out=tmp_path, name="chexnet", version="1.0.0"
    )
    expected = answers(reference, np.repeat(images(), 3, axis=-1))
    assert np.ptp(expected) > 0.01
    np.testing.assert_allclose(served(request, images()), expected, atol=PARITY)


@pytest.mark.parametrize("whole", [True, False])
def test_torchxrayvision(tmp_path: Path, whole: bool) -> None:
    original = network(1, len(XRAYVISION.labels))
    original.features.conv0.weight.data /= XRAYVISION.input_scale
    file = tmp_path / "densenet.pt"
    torch.save(original if whole else original.state_dict(), file)
    request = ImportRequest(
        file=file, profile=XRAYVISION, out=tmp_path, name="xrv", version="1.0.0"
    )
    logits = answers(original, images() * XRAYVISION.input_scale)
    expected = 1 / (1 + np.exp(-logits.astype(np.float64)))
    np.testing.assert_allclose(served(request, images()), expected, atol=PARITY)
