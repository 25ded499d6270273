"""What is installed is whole: each file of the packages, and a configuration to begin with."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from dicom_node.cli.parts import PARTS
from dicom_node.configuration.supplied import lay_configuration

ROOT = Path(__file__).parents[2]
PACKAGES = ("dicom_node", "ai_engine", "sr_templates")
# As building a wheel does it, without writing into the sources and without packing.
BUILD = """
import shutil, sys
from pathlib import Path
from setuptools.dist import Distribution
built = Path(sys.argv[1])
project = Distribution({"script_name": "setup.py"})
project.parse_config_files()
project.include_package_data = False
step = project.get_command_obj("build_py")
step.build_lib = str(built)
step.ensure_finalized()
step.run()
for folder, files in project.data_files:
    (built / folder).mkdir(parents=True, exist_ok=True)
    for each in files:
        shutil.copy(each, built / folder)
"""
# A part that was not installed: imports of it fail as they do then.
WITHOUT = """
import sys
sys.modules[sys.argv.pop(1)] = None
from dicom_node.cli import main
main()
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages as `pip install --target` leaves them."""
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUILD, folder],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    return folder


def in_an_empty_place(
    installed: Path, place: Path, *words: str
) -> "subprocess.CompletedProcess[str]":
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("DICOM_NODE_")
    }
    return subprocess.run(
        [sys.executable, "-m", "dicom_node.cli", *words],
        cwd=place,
        env=environment | {"PYTHONPATH": str(installed), "HOME": str(place), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_every_file_of_the_packages_is_installed(installed: Path) -> None:
    sources = {
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    # What the pages' scripts are built from; what is built lies in web/static/ui.
    wanted = {path for path in sources if not path.is_relative_to("dicom_node/web/ui")}
    assert len(wanted) > 500
    assert sorted(path for path in wanted if not (installed / path).is_file()) == []


@pytest.mark.slow
def test_an_installed_node_lays_its_configuration_and_finds_its_models(
    installed: Path, tmp_path: Path
) -> None:
    before = in_an_empty_place(installed, tmp_path, "models", "list")
    assert before.returncode == 1
    assert "dicom-node init" in before.stderr
    laid = in_an_empty_place(installed, tmp_path, "init")
    assert laid.returncode == 0, laid.stderr
    for path in (ROOT / "config").glob("*.toml"):
        assert (tmp_path / "config" / path.name).read_bytes() == path.read_bytes()
    listed = in_an_empty_place(installed, tmp_path, "models", "list")
    assert "chest-radiograph" in listed.stdout, listed.stderr


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    mine = tmp_path / "config" / "routes.toml"
    mine.parent.mkdir()
    mine.write_text("# mine\n", encoding="utf-8")
    laid = lay_configuration(tmp_path / "config")
    assert laid == {name: name != "routes.toml" for name in laid}
    assert mine.read_text(encoding="utf-8") == "# mine\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("sklearn", ("models", "evaluate", "chest-radiograph", "--data", ".", "--out", "out")),
        (
            "tensorflow",
            ("models", "train", "--recipe", "chest-densenet121", "--data", ".", "--out", "out"),
        ),
        ("tensorflow", ("models", "export", "chest-radiograph", "--out", "out")),
    ],
)
def test_a_part_that_is_not_installed_is_said_in_one_sentence(
    module: str, words: tuple[str, ...], tmp_path: Path
) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            WITHOUT,
            module,
            "--config",
            ROOT / "config",
            *words,
        ],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "DICOM_NODE_DATA_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Error: {module} is not installed")
    assert "pip install 'dicom-node[train]'" in line


def test_the_parts_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert set(PARTS.values()) <= set(extras)
    brought = {
        name: {each.split(">")[0].split("[")[0] for each in extras[name]} - {"dicom-node"}
        for name in set(PARTS.values())
    }
    packages = {"sklearn": "scikit-learn", "keras_hub": "keras-hub"}
    assert {packages.get(module, module) for module in PARTS} == set().union(*brought.values())
    for module, part in PARTS.items():
        assert packages.get(module, module) in brought[part]
