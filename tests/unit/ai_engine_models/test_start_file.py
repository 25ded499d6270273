"""A training starts from a file of DenseNet-121: with a head, without, and other files."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from ai_engine.errors import RecipeError, WeightImportError
from ai_engine.kinds.start_file import is_start_file, start_of_file
from ai_engine.library.weights_file import read_weights
from ai_engine.training.recipe_file import load_recipe
from tests.unit.ai_engine_models.test_weight_import import torch_tensors

pytestmark = pytest.mark.slow


def written(folder: Path, *, head: bool) -> Path:
    file = folder / "imagenet.safetensors"
    tensors = torch_tensors(labels=1000, channels=3)
    kept = {name: each for name, each in tensors.items() if head or "classifier" not in name}
    save_file(kept, file)
    return file


@pytest.mark.parametrize("head", [True, False])
def test_a_state_dictionary_is_a_start_with_and_without_its_head(
    head: bool, tmp_path: Path
) -> None:
    file = written(tmp_path, head=head)
    assert is_start_file(str(file))
    card = start_of_file(file, load_recipe("paper1-fluorography"), tmp_path / "cache")
    tensors = read_weights(card.weights_path)
    assert card.architecture == "densenet121"
    assert tensors["stem_conv/kernel"].shape == (7, 7, 1, 64)
    assert np.abs(tensors["head/bias"]).max() == float(head)
    assert card.attribution == "From the file imagenet.safetensors."


def test_what_cannot_be_a_start_is_told(tmp_path: Path) -> None:
    file = written(tmp_path, head=True)
    with pytest.raises(RecipeError, match="starts DenseNet-121, ResNet-50, VGG16 or Xception"):
        start_of_file(file, load_recipe("lung-segmentation"), tmp_path)
    with pytest.raises(WeightImportError, match="has 0 of the 40 convolutions of Xception"):
        start_of_file(file, load_recipe("paper4-xception"), tmp_path)
    other = tmp_path / "network.weights"
    other.write_bytes(b"")
    with pytest.raises(WeightImportError, match="no reader for this kind of file"):
        start_of_file(other, load_recipe("paper2-chest"), tmp_path)
    broken = tmp_path / "network.onnx"
    broken.write_bytes(b"")
    with pytest.raises(WeightImportError, match="has no graph"):
        start_of_file(broken, load_recipe("paper2-chest"), tmp_path)
    assert not is_start_file("paper3-triage/1.0.0")
