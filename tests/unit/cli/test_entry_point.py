"""The command itself: quick to import, and what cannot be used is told in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dicom_node.cli.application import COMMANDS, load_command
from dicom_node.cli.serve import PROCESSES_NEED, WORKERS_NEED
from dicom_node.configuration.settings import NodeSettings
from dicom_node.network.receivers import RECEIVERS_NEED
from dicom_node.node import isolated
from dicom_node.node.repositories import Repositories
from tests.schema import give_schemas

NAMES = "print(*{name.split('.')[0] for name in sys.modules})"
IMPORTED = f"import sys; import dicom_node.cli; {NAMES}"
LISTED = """
import sys
from typer.testing import CliRunner
from dicom_node.cli.application import application
assert CliRunner().invoke(application, sys.argv[1:]).exit_code == 0
print(*{name.split(".")[0] for name in sys.modules})
"""
ROOT = Path(__file__).parents[3]
DICOM = frozenset({"pydicom", "pynetdicom", "highdicom", "requests"})
ENGINES = frozenset({"dbos", "openvino", "cv2", "fastapi", "apscheduler", "alembic"})
"""What takes longer to import than a list takes to be shown."""
FROM_ROWS = (
    ("drift",),
    ("calibrate", "history"),
)
"""Commands that are answered from rows, cards and journals: no DICOM object is read."""
WITHOUT_NUMBERS = (
    ("status",),
    ("status", "--json"),
    ("deliveries", "list"),
    ("evidence", "held"),
    ("studies", "undecided"),
    ("review", "list"),
    ("review", "agreement"),
    ("models", "list"),
    ("models", "history"),
    ("models", "suspended"),
    ("notify", "list"),
    ("warehouse", "counts"),
    ("route", "list"),
    ("retention",),
)
"""Those for which NumPy, whose threads take as long to begin as the list, is not needed either."""


@pytest.mark.slow
def test_the_command_loads_its_libraries_only_when_it_runs() -> None:
    """Every receiver process imports the main module again."""
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = set(done.stdout.split())
    assert "dicom_node" in loaded
    assert not loaded & {"typer", "rich", "sqlalchemy", "pydicom", "numpy", "openvino"}


@pytest.mark.parametrize(
    ("words", "spared"),
    [
        (("--help",), {"sqlalchemy", "pydantic_settings", "numpy", "pydicom"}),
        (("ae", "list"), {"numpy", "pydicom", "pynetdicom", "dbos"}),
        *((words, DICOM | {"numpy"}) for words in (("users", "list"), ("users", "tokens"))),
        *((words, DICOM | ENGINES) for words in FROM_ROWS),
        *((words, DICOM | ENGINES | {"numpy"}) for words in WITHOUT_NUMBERS),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else "",
)
@pytest.mark.slow
def test_what_a_command_does_not_need_it_does_not_wait_for(
    words: tuple[str, ...], spared: set[str], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    repositories = Repositories(NodeSettings(data_dir=data))
    give_schemas(repositories)  # who migrates loads more
    repositories.close()
    done = subprocess.run(
        [sys.executable, "-c", LISTED, *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env=os.environ | {"DICOM_NODE_DATA_DIR": str(data)},
    )
    assert "typer" in done.stdout.split()
    assert not set(done.stdout.split()) & spared


def test_what_receivers_and_workers_need_is_imported_before_they_are_forked() -> None:
    assert set(RECEIVERS_NEED) <= set(PROCESSES_NEED)
    assert set(isolated.WORKERS_NEED) <= {*PROCESSES_NEED, *WORKERS_NEED}


@pytest.mark.parametrize(
    ("role", "spared"),
    [
        ("dicom_node.node.node", {"highdicom", "openvino", "fpdf", "alembic", "httpx"}),
        # Until this is imported nobody is answered.
        ("dicom_node.node.listening", {"starlette", "dbos", "highdicom", "alembic", "cv2"}),
        # With what travels to them: how they store, whom they let in, what they answer from.
        (
            ",".join(PROCESSES_NEED),
            {"highdicom", "openvino", "fpdf", "alembic", "pydantic", "dbos", "fastapi", "cv2"},
        ),
        ("dicom_node.node.analyst_tools", {"pynetdicom", "sqlalchemy", "dbos", "fastapi", "fpdf"}),
    ],
    ids=["node", "listening", "receivers", "workers"],
)
@pytest.mark.slow
def test_each_process_imports_what_it_is_for(role: str, spared: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {role}; {NAMES}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert not set(done.stdout.split()) & spared


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_their_own_help_begins_with(name: str) -> None:
    assert load_command(name).help.split("\n\n")[0].replace("\n", " ") == COMMANDS[name].summary


@pytest.mark.slow
def test_a_file_that_cannot_be_written_is_named_in_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "[a] folder"  # no mark-up of the terminal's
    folder.mkdir()
    done = subprocess.run(
        [
            *(sys.executable, "-m", "dicom_node.cli", "--config", str(ROOT / "config")),
            *("conformance", "--output", str(folder)),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | {"DICOM_NODE_DATA_DIR": str(tmp_path / "data")},
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line == f"Error: {folder}: Is a directory; check the path, its permissions and the disk."
