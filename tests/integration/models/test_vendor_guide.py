"""Any vendor's model by the guide: its cards, its program and its commands, as they stand there."""

import os
import re
import sys
from pathlib import Path

import pydicom
import pytest
from pydicom import Dataset
from safetensors.numpy import save_file
from typer.testing import CliRunner

from ai_engine.library.card import ModelCard, read_card
from dicom_node.cli.application import application
from sr_templates.evidence_kind import EvidenceKind
from tests.integration.models.conftest import Started
from tests.peers.open_inference import MODEL, mlserver
from tests.unit.ai_engine import onnx_files
from tests.unit.ai_engine_models.test_weight_import import torch_tensors
from tests.unit.ai_engine_models.torch_files import Tensor, torch_names, write_archive  # noqa: F401

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "vendor-models.md"


def written(name: str) -> str:
    """A file of the guide: its name in a line of its own, and the block below."""
    found = re.search(rf"^`{re.escape(name)}`\n```\w+\n(.*?)^```$", GUIDE.read_text(), re.M | re.S)
    assert found, name
    return found.group(1)


def commands(first: str) -> list[list[str]]:
    """The commands of the block that begins with one."""
    block = re.search(rf"^```\n({re.escape(first)}.*?)^```$", GUIDE.read_text(), re.M | re.S)
    assert block, first
    lines = block.group(1).replace("\\\n", " ").splitlines()
    return [
        re.findall(r'"[^"]*"|\S+', line.split("#")[0])[1:] for line in lines if "route" not in line
    ]


class Site:
    """A node's folders, and the command line on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        config = folder / "config"
        config.mkdir(exist_ok=True)
        (config / "models.toml").write_text('[active]\nfrontal-chest-guard = "1.0.0"\n')
        (config / "node.toml").write_text(f'data_dir = "{folder / "data"}"\n')
        (config / "routes.toml").write_text("")

    def do(self, *arguments: str) -> str:
        """Run a command of the guide; its files lie in the site's folder."""
        given = [each.strip('"') for each in arguments]
        here = Path.cwd()
        os.chdir(self.folder)
        try:
            done = CliRunner().invoke(
                application, ["--config", str(self.folder / "config"), *given]
            )
        finally:
            os.chdir(here)
        assert done.exit_code == 0, (given, done.output, done.exception)
        return done.output


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_service_is_installed_checked_and_promoted(
    site: Site, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with mlserver(tmp_path_factory.mktemp("mlserver")) as endpoint:
        place = site.folder / "vendor-opacity"
        place.mkdir()
        card = written("vendor-opacity/card.toml")
        assert f'model = "{MODEL}"' in card
        (place / "card.toml").write_text(card.replace("http://127.0.0.1:8000", endpoint))
        said = [site.do(*each) for each in commands("dicom-node models import vendor-opacity\n")]
    assert "its service would answer" in said[1]
    assert "none → 1.0.0" in said[2]


def test_a_network_is_installed_checked_and_promoted(site: Site) -> None:
    (site.folder / "finder.onnx").write_bytes(onnx_files.classifier())
    said = [site.do(*each) for each in commands("dicom-node models import finder.onnx")]
    assert "Installed bought-finder/1.0.0" in said[0]
    assert "can be run" in said[1]
    assert "none → 1.0.0" in said[2]


PUBLISHED = {
    "xrv.safetensors": lambda path: save_file(torch_tensors(18, 1), path),
    "chexnet.pth.tar": lambda path: write_archive(
        path, {"state_dict": {n: Tensor(v) for n, v in torch_tensors(14, 3).items()}}
    ),
    "xrv.onnx": lambda path: path.write_bytes(onnx_files.classifier(labels=18, size=224)),
}


@pytest.mark.parametrize("name", PUBLISHED)
@pytest.mark.usefixtures("torch_names")
def test_published_weights_are_installed_by_the_command_of_the_table(site: Site, name: str) -> None:
    PUBLISHED[name](site.folder / name)
    found = re.search(rf"`dicom-node (models import {re.escape(name)}[^`]*)`", GUIDE.read_text())
    assert found
    said = site.do(*found.group(1).split())
    version = found.group(1).split()[-1]
    card = read_card(site.folder / "data" / "models" / "chest-radiograph" / version)
    assert f"Installed chest-radiograph/{version}" in said
    assert len(card.labels) == (14 if name.startswith("chexnet") else 18)
    assert all(label.code for label in card.labels)
    assert card.is_for_chests


def test_a_program_answers_for_a_study(started: Started, chest: Dataset) -> None:

    def install(models: Path) -> ModelCard:
        place = models / "vendor-finder" / "1.0.0"
        place.mkdir(parents=True)
        finder = models.parent / "finder"
        finder.write_text(written("finder"))
        python = os.path.realpath(sys.executable)
        card = written("vendor-finder/card.toml")
        card = card.replace('"/opt/vendor/finder"', f'"{python}", "{finder}"')
        paths = f"PYTHONPATH={os.pathsep.join(sys.path[1:])}"
        card = card.replace('"OMP_NUM_THREADS=2"', f'"OMP_NUM_THREADS=2", "{paths}"')
        (place / "card.toml").write_text(card)
        return read_card(place)

    trial = started(install)
    trial.wanting(EvidenceKind.SR)
    trial.send(chest)
    made = trial.evidence(trial.analyse())
    report = pydicom.dcmread(made[EvidenceKind.SR][0])
    assert "program python" in str(report.to_json())
    assert "version 2.3.1" in str(report.to_json())
