"""The dual branch starts from the triage model by command (paper 3, section 3.3), or says why."""

import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from ai_engine.commands.train import train
from ai_engine.datasets.chexpert import LABELS
from ai_engine.errors import RecipeError
from ai_engine.importing.folder import install_model
from ai_engine.library.card import ModelCard, read_card
from ai_engine.library.registry import ModelRegistry
from ai_engine.library.weights_file import model_tensors, read_weights
from ai_engine.training.recipe_file import load_recipe
from dicom_node.errors import NodeError
from tests.integration.ai_engine.eagerly import eagerly
from tests.integration.ai_engine.shallow import shallow_densenets
from tests.unit.cli.test_device_commands import dicom_node

pytest.importorskip("keras")
pytest.importorskip("tensorflow")

from ai_engine.kinds.start_weights import start_network
from ai_engine.models.catalogue import build  # Keras, where it is installed

# A rate this small leaves kernels as they were when training started.
UNMOVED = (
    "input_size = 64\nbatch_size = 4\nepochs = 1\nsteps_per_epoch = 1\nlearning_rate = 1e-12\n"
)
TRIAGE = f'extends = "paper3-triage"\nhalf_precision = false\n{UNMOVED}'
DUAL = (
    'extends = "paper3-dual-branch"\nname = "tiny-dual"\nhalf_precision = false\n'
    f'labels = ["Pleural Effusion", "Lung Opacity"]\n{UNMOVED}'
)


@pytest.fixture(scope="module")
def chexpert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few studies of two views in the published layout; the last falls into validation."""
    folder = tmp_path_factory.mktemp("sets") / "CheXpert-v1.0-small"
    rng = np.random.default_rng(1)
    columns = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABELS]
    for part, numbers in (("train", range(30)), ("valid", range(30, 32))):
        rows = []
        for number in numbers:
            study = f"{part}/patient{number:05d}/study1"
            (folder / study).mkdir(parents=True)
            for at, view in enumerate(("frontal", "lateral"), start=1):
                name = f"{study}/view{at}_{view}.jpg"
                cv2.imwrite(str(folder / name), rng.integers(40, 200, (80, 80), dtype=np.uint8))
                row = dict.fromkeys(LABELS, "") | {"Path": f"{folder.name}/{name}"}
                row |= {"Sex": "Female", "Age": "60", "Frontal/Lateral": view.capitalize()}
                row |= {"AP/PA": "PA", "Pleural Effusion": f"{number % 2}.0"}
                rows.append(row | {"No Finding": f"{1 - number % 2}.0"})
        with (folder / f"{part}.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, columns)
            writer.writeheader()
            writer.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def triage(chexpert: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelCard]:
    """A trained triage model, installed in a node's data folder."""
    folder = tmp_path_factory.mktemp("node")
    with pytest.MonkeyPatch.context() as patch:
        shallow_densenets(patch)
        patch.setenv("DICOM_NODE_DATA_DIR", str(folder / "data"))
        patch.setenv("COLUMNS", "300")
        recipe = folder / "triage.toml"
        recipe.write_text(TRIAGE + 'labels = ["No Finding"]\n')
        with eagerly():
            card = train(recipe=str(recipe), data=chexpert, out=folder / "triage")
            yield install_model(card.folder, folder / "data" / "models")


def train_dual(folder: Path, data: Path, text: str, *options: str) -> ModelCard:
    recipe = folder / "dual.toml"
    recipe.write_text(text)
    out = folder / "dual"
    words = ("--recipe", str(recipe), "--data", str(data), "--out", str(out))
    dicom_node("models", "train", *words, *options)
    return read_card(out / "tiny-dual" / "1.0.0")


def test_the_dual_branch_starts_from_the_triage_models_weights(
    triage: ModelCard, chexpert: Path, tmp_path: Path
) -> None:
    card = train_dual(tmp_path, chexpert, DUAL, "--start-from", "paper3-triage/1.0.0")
    given, made = read_weights(triage.weights_path), read_weights(card.weights_path)
    for name in ("stem_conv/kernel", "conv3_block1_2_conv/kernel", "pool3_conv/kernel"):
        for branch in ("frontal", "lateral"):
            np.testing.assert_allclose(made[f"{branch}_{name}"], given[name], atol=1e-6)
    assert made["head/kernel"].shape != given["head/kernel"].shape
    assert card.command.endswith("--start-from paper3-triage/1.0.0")
    assert card.recipe.endswith(f"from {triage.identity.key}")


def test_a_start_that_does_not_fit_is_refused_with_what_to_do(
    triage: ModelCard, chexpert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(NodeError, match="model paper3-triage/9 is not installed"):
        train_dual(tmp_path, chexpert, DUAL, "--start-from", "paper3-triage/9")
    with pytest.raises(NodeError, match=r"its architecture is guardnet, the recipe's dual_branch"):
        train_dual(tmp_path, chexpert, DUAL, "--start-from", "frontal-chest-guard")
    for module in ("models.dense_blocks", "kinds.dual_view.network"):
        monkeypatch.setattr(f"ai_engine.{module}.BLOCKS", (2, 1, 1, 1))
    with pytest.raises(NodeError, match=r"cannot start from paper3-triage/1\.0\.0") as wrong:
        train_dual(tmp_path, chexpert, DUAL, "--start-from", triage.name + "/1.0.0")
    assert "start from a model that was trained with the same architecture" in str(wrong.value)
    with pytest.raises(NodeError, match="leave --start-from out"):
        dicom_node(
            "models", "train", "--recipe", "paper4-detection", "--data", str(chexpert),
            "--out", str(tmp_path / "boxes"), "--start-from", "paper3-triage/1.0.0",
        )  # fmt: skip
    with pytest.raises(NodeError, match="models finetune"):
        dicom_node(
            "models", "train", "--recipe", "chest-densenet121", "--data", str(chexpert),
            "--out", str(tmp_path / "chest"), "--start-from", "paper3-triage/1.0.0",
        )  # fmt: skip


def test_lung_outlines_start_from_the_chest_radiograph_models_encoder() -> None:
    recipe = load_recipe("lung-segmentation")
    name, _, version = recipe.start_from.partition("/")
    chest = ModelRegistry().card(name, version)
    network = build(recipe.architecture, labels=1, size=64)
    fresh = model_tensors(network)
    start_network(network, recipe, chest)
    given, started = read_weights(chest.weights_path), model_tensors(network)
    encoder = [path for path in started if not path.startswith(("up", "head/"))]
    assert len(encoder) > 300
    for path in encoder:
        np.testing.assert_array_equal(started[path], given[path])
    for path in ("up1/kernel", "up4_conv2/kernel", "head/kernel"):
        np.testing.assert_array_equal(started[path], fresh[path])
    with pytest.raises(RecipeError, match="its architecture is efficientnet_lite2, the recipe's"):
        start_network(network, load_recipe("paper3-lungs"), chest)
