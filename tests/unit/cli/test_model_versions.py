"""``dicom-node models import|promote|rollback|history``."""

import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner, Result

from ai_engine.importing.layout import densenet121_shapes
from ai_engine.library.card import read_card
from ai_engine.library.file_digest import digest
from ai_engine.library.registry import shipped_weights
from dicom_node.cli.application import application
from dicom_node.errors import ConflictError, NodeError
from dicom_node.models.cards import ModelUnavailableError

CONFIG = Path(__file__).parents[3] / "config"
NAME = "frontal-chest-guard"
# Converted models are named by their digests, so every test may use the same ones.
CONVERTED = Path(tempfile.gettempdir()) / f"dicom-node-test-models-{os.getuid()}"


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the user's own models."""
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    CONVERTED.mkdir(exist_ok=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cache").symlink_to(CONVERTED)
    return tmp_path / "data" / "models"


def dicom_node(*arguments: str) -> Result:
    """Run ``dicom-node``; a known error is raised as it is."""
    result = CliRunner().invoke(application, ["--config", str(CONFIG), "models", *arguments])
    if isinstance(result.exception, NodeError):
        raise result.exception
    assert result.exception is None, result.exception
    return result


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A model folder as training leaves it: the shipped guard as 1.1.0."""
    folder = tmp_path / "trained"
    (source,) = (shipped_weights() / NAME).iterdir()
    shutil.copytree(source, folder)
    card = (folder / "card.toml").read_text()
    (folder / "card.toml").write_text(card.replace(f'"{source.name}"', '"1.1.0"', 1))
    return folder


@pytest.mark.slow
def test_a_card_is_shown_with_its_figures_in_one_table() -> None:
    said = dicom_node("show", "chest-radiograph").output
    card = read_card(next((shipped_weights() / "chest-radiograph").glob("4.0.*")))
    assert f'weights_digest = "{card.weights_digest}"' in said
    rows = [" ".join(line.split()) for line in said.splitlines()]
    for each in card.metrics:
        figures = f"{each.value:.3f} {each.low:.3f} to {each.high:.3f}"
        assert f"{each.name} {each.label} {each.split} {each.group} {each.images} {figures}" in rows
    assert str(card.folder) in said


@pytest.mark.slow
def test_a_model_is_imported_promoted_and_rolled_back(trained: Path) -> None:
    assert "promote frontal-chest-guard 1.1.0" in dicom_node("import", str(trained)).output
    trail = CliRunner().invoke(application, ["audit", "show", "--json"]).output
    assert "model import" in trail
    assert "frontal-chest-guard/1.1.0" in trail
    assert "→ 1.1.0 (kate)" in dicom_node("promote", NAME, "1.1.0", "--by", "kate").output
    active = [line for line in dicom_node("list").output.splitlines() if "●" in line]
    assert any(NAME in line and "1.1.0" in line for line in active)
    dicom_node("rollback", NAME, "--by", "tom")
    said = dicom_node("history", NAME).output
    assert "kate" in said
    assert "tom" in said
    assert "rollback" in said


@pytest.mark.slow
def test_a_version_whose_own_report_shows_it_worse_is_promoted_only_with_a_reason(
    trained: Path, models: Path
) -> None:
    dicom_node("import", str(trained))
    report = {"results": [{"standing": "worse"}], "verdict": "Do not promote it: worse on CR2."}
    (models / NAME / "1.1.0" / "comparison.json").write_text(json.dumps(report))
    with pytest.raises(ConflictError, match=r"worse on CR2.*--anyway REASON"):
        dicom_node("promote", NAME, "1.1.0")
    said = dicom_node("promote", NAME, "1.1.0", "--by", "kate", "--anyway", "CR2 is gone").output
    assert "→ 1.1.0 (kate)" in said


@pytest.mark.slow
def test_weights_of_another_architecture_are_neither_installed_nor_promoted(
    trained: Path, models: Path
) -> None:
    card = read_card(trained)
    save_file({"conv": np.zeros((3, 3), np.float32)}, card.weights_path)
    words = (
        (trained / "card.toml").read_text().replace(card.weights_digest, digest(card.weights_path))
    )
    (trained / "card.toml").write_text(words)
    with pytest.raises(ModelUnavailableError, match=r"weights\.safetensors: .* tensor .*its card"):
        dicom_node("import", str(trained))
    assert not models.exists()
    shutil.copytree(trained, models / NAME / "1.1.0")
    with pytest.raises(ModelUnavailableError, match=r"weights\.safetensors: .* tensor .*its card"):
        dicom_node("promote", NAME, "1.1.0")
    listed = [line for line in dicom_node("list").output.splitlines() if NAME in line]
    assert any("1.1.0" in line for line in listed)
    assert not any("1.1.0" in line and "●" in line for line in listed)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind = ", "kindd = ", r"card\.toml: lacks 'kind'; correct the card"),
        ("[[labels]]", "[[labels", r"card\.toml: not valid TOML: .*; correct the card"),
        (
            'kind = "guard"',
            'kind = "oracle"',
            r"card\.toml: kind 'oracle' is unknown; known are",
        ),
        ('weights_digest = "4', 'weights_digest = "0', "the card says 0"),
        ('weights_digest = "', 'weights_digest = "0', r"card\.toml: weights_digest .* no SHA-256"),
    ],
)
def test_a_card_that_is_wrong_is_named(trained: Path, old: str, new: str, words: str) -> None:
    card = trained / "card.toml"
    card.write_text(card.read_text().replace(old, new, 1))
    with pytest.raises(ModelUnavailableError, match=words):
        dicom_node("import", str(trained))


@pytest.mark.parametrize("name", ["../../x", "/x", "..", "a/b", "a\\b", "a\0b", ".x", ""])
@pytest.mark.parametrize("option", ["--name", "--version"])
def test_bare_weights_are_imported_under_no_name_that_leads_elsewhere(
    tmp_path: Path, models: Path, option: str, name: str
) -> None:
    file = tmp_path / "chexnet.safetensors"
    file.write_bytes(b"")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ModelUnavailableError):
        dicom_node("import", str(file), "--kind", "chexnet", "--version", "2.0.0", option, name)
    assert sorted(tmp_path.rglob("*")) == before
    assert not models.exists()


@pytest.mark.parametrize("command", ["show", "export"])
def test_a_version_that_leads_elsewhere_is_read_from_nowhere(
    trained: Path, models: Path, tmp_path: Path, command: str
) -> None:
    (models / NAME).mkdir(parents=True)
    options = ("--out", str(tmp_path / "out")) if command == "export" else ()
    with pytest.raises(ModelUnavailableError, match="is no name"):
        dicom_node(command, NAME, "--version", f"../../../{trained.name}", *options)
    with pytest.raises(ModelUnavailableError, match="is no name"):
        dicom_node("promote", NAME, f"../../../{trained.name}")


def test_a_folder_is_installed_once_and_never_overwritten(trained: Path, models: Path) -> None:
    dicom_node("import", str(trained))
    dicom_node("import", str(trained))
    installed = models / NAME / "1.1.0" / "card.toml"
    text = installed.read_text()
    digest = read_card(installed.parent).weights_digest
    installed.write_text(text.replace(digest, "0" * 64))
    with pytest.raises(ModelUnavailableError, match="another version"):
        dicom_node("import", str(trained))


@pytest.mark.slow
def test_bare_weights_become_a_model_with_a_card(tmp_path: Path, models: Path) -> None:
    file = tmp_path / "chexnet.safetensors"
    _write_torch_densenet(file)
    dicom_node("import", str(file), "--kind", "chexnet", "--version", "2.0.0", "--licence", "MIT")
    card = read_card(models / "chest-radiograph" / "2.0.0")
    assert card.licence == "MIT"
    assert len(card.labels) == 14
    assert all(label.code for label in card.labels)
    with pytest.raises(ModelUnavailableError, match="choose another"):
        dicom_node("import", str(file), "--kind", "chexnet", "--version", "2.0.0")


def test_bare_weights_need_a_kind_and_a_version(tmp_path: Path) -> None:
    file = tmp_path / "weights.h5"
    with pytest.raises(ModelUnavailableError, match=r"weights\.h5: no such file"):
        dicom_node("import", str(file), "--kind", "chexnet", "--version", "2.0.0")
    file.write_bytes(b"no h5")
    with pytest.raises(ModelUnavailableError, match="--kind chexnet"):
        dicom_node("import", str(file))
    with pytest.raises(ModelUnavailableError, match=r"weights\.h5: not a readable H5"):
        dicom_node("import", str(file), "--kind", "chexnet", "--version", "2.0.0")


def _write_torch_densenet(path: Path) -> None:
    """Zeros under torchvision's names, in its order of axes."""
    tensors = {}
    for name, shape in densenet121_shapes(labels=14, input_channels=3).items():
        turned = (shape[3], shape[2], *shape[:2]) if len(shape) == 4 else shape[::-1]
        tensors[_torch_name(name)] = np.zeros(turned, dtype=np.float32)
    save_file(tensors, path)


def _torch_name(path: str) -> str:
    layer, part = path.rsplit("/", maxsplit=1)
    words = {
        "kernel": "weight",
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
        "bias": "bias",
    }
    edges = {"stem_conv": "conv0", "stem_bn": "norm0", "features_bn": "norm5"}
    if layer == "head":
        return f"classifier.{words[part]}"
    if layer in edges:
        return f"features.{edges[layer]}.{words[part]}"
    if layer.startswith("pool"):
        kind = "norm" if layer.endswith("_bn") else "conv"
        return f"features.transition{int(layer[4]) - 1}.{kind}.{words[part]}"
    block, index, number, kind = layer.removeprefix("conv").replace("block", "").split("_")
    place = f"features.denseblock{int(block) - 1}.denselayer{index}"
    step = f"norm{int(number) + 1}" if kind == "bn" else f"conv{number}"
    return f"{place}.{step}.{words[part]}"
