"""Listing commands print JSON for programs, and shells complete commands and options."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dicom_node.cli.application import application
from tests.peers.office import ANALYSED, FAILED, office_stores

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a node with people, AE titles and traffic."""
    folder = tmp_path_factory.mktemp("office")
    with office_stores(folder):
        yield folder


def listed(office: Path, *arguments: str) -> list[dict[str, Any]]:
    """What a command lists for programs."""
    done = CliRunner(env={"DICOM_NODE_DATA_DIR": str(office)}).invoke(
        application, ["--config", str(CONFIG), *arguments, "--json"]
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    ("command", "key", "values"),
    [
        ("ae list", "title", {"CR1", "CT1", "PACS"}),
        ("users list", "name", {"ada", "bert", "cleo", "rita", "otto", "olga"}),
        ("users tokens", "token_id", set()),
        ("notify list", "name", set()),
        ("route list", "model", {"chest-radiograph", "ct-high-attenuation"}),
        ("models history", "model", set()),
        ("deliveries list", "destination", {"ARCHIVE"}),
        ("evidence held", "study_instance_uid", set()),
        ("studies undecided", "study_instance_uid", set()),
        ("review list", "item_id", set()),
        ("warehouse counts", "device_id", set()),
        ("models suspended", "device_id", set()),
        ("calibrate history", "number", set()),
        (f"status {FAILED}", "study_instance_uid", {FAILED}),
    ],
)
def test_a_list_is_json(office: Path, command: str, key: str, values: set[str]) -> None:
    assert {each[key] for each in listed(office, *command.split())} == values


def test_values_are_those_of_the_domain(office: Path) -> None:
    studies = {each["study_instance_uid"]: each for each in listed(office, "status")}
    assert studies[FAILED]["state"] == "failed"
    assert studies[ANALYSED]["first_received_at"].endswith("+00:00")
    people = {each["name"]: each for each in listed(office, "users", "list")}
    assert people["ada"]["roles"] == ["admin", "expert"]
    assert not [key for key in people["ada"] if "password" in key]
    models = listed(office, "models", "list")
    assert [each["version"] for each in models if each["active"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "offered"), [("dicom-node noti", "notify"), ("dicom-node ae ", "probe")]
)
def test_a_shell_completes_commands_of_every_level(typed: str, offered: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from dicom_node.cli import main; main()"],
        env=os.environ
        | {
            "_DICOM_NODE_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(typed.split(" ")) - 1),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert offered in done.stdout.split(), done.stdout + done.stderr
