"""`dicom-node audit`: what commands did is in the trail; one that was altered is found."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from dicom_node.audit.chain import files_in
from dicom_node.audit.errors import AuditError
from dicom_node.cli.application import application

pytestmark = pytest.mark.slow

CONFIG = Path(__file__).parents[3] / "config"


@pytest.fixture(autouse=True)
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the commands work on a data folder of their own."""
    monkeypatch.setenv("DICOM_NODE_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def run(*arguments: str) -> str:
    """Run a command; return what it says, or raise what it raised."""
    done = CliRunner().invoke(application, ["--config", str(CONFIG), *arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def shown(*options: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run("audit", "show", "--json", *options).splitlines()]


def add(title: str = "CR9", port: int = 104) -> None:
    run("ae", "add", title, "--host", "10.0.0.7", "--port", str(port), "--role", "modality")


def test_what_commands_change_export_and_back_up_is_recorded(
    tmp_path: Path, data_dir: Path
) -> None:
    add()
    run("ae", "set", "CR9", "--port", "105")
    run("warehouse", "export", str(tmp_path / "out"))
    sqlite3.connect(data_dir / "workflows.sqlite").execute("CREATE TABLE empty (id)").close()
    run("backup", str(tmp_path / "backup"))
    found = shown()
    assert [(each["event"], each["types"], each["about"][0]["name"]) for each in found] == [
        ("Security Alert", ["Use of Restricted Function"], "backup"),
        ("Export", [], "dicom"),
        ("Security Alert", ["Network Configuration"], "ae put"),
        ("Security Alert", ["Network Configuration"], "ae put"),
    ]
    details = found[2]["about"][0]["details"]
    assert (json.loads(details["before"][0])["port"], json.loads(details["after"][0])["port"]) == (
        104,
        105,
    )
    assert [each["event"] for each in shown("--limit", "1")] == ["Audit Log Used"]
    assert "records are as they were written" in run("audit", "verify")


def test_records_are_found_by_time_person_study_and_event(data_dir: Path) -> None:
    add()
    assert len(shown("--event", "Network Configuration")) == 1
    assert len(shown("--event", "110128")) == 1
    assert shown("--event", "110128", "--until", "2020-01-01") == []
    assert len(shown("--event", "110128", "--since", "2020-01-01")) == 1
    assert shown("--user", "nobody") == []
    assert shown("--study", "1.2.3") == []
    assert "CR9" in run("audit", "show")
    assert "No record fits." in run("audit", "show", "--study", "1.2.3")
    assert data_dir.is_dir()


def test_a_trail_that_was_altered_fails_and_says_where(data_dir: Path) -> None:
    add()
    add("CR8")
    (path,) = files_in(data_dir / "audit")
    path.write_text(path.read_text().replace("ae put: CR8", "ae put: CR7"))
    done = CliRunner().invoke(application, ["--config", str(CONFIG), "audit", "verify"])
    assert isinstance(done.exception, AuditError)
    assert "Record 2 (audit-000000000001.jsonl line 2) was changed." in done.output


def test_a_command_does_its_work_where_the_trail_cannot_be_written(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "audit").write_text("in the way")
    done = CliRunner().invoke(
        application,
        [
            "--config",
            str(CONFIG),
            "ae",
            "add",
            "CR9",
            "--host",
            "h",
            "--port",
            "104",
            "--role",
            "pacs",
        ],
    )
    assert done.exit_code == 0
    assert "Added CR9." in done.output
    assert "Not recorded yet:" in done.output
    (data_dir / "audit").unlink()
    run("ae", "list")
    assert [each["about"][0]["id"] for each in shown()] == ["CR9"]
