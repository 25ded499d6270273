"""Fine-tuning by the clock runs the public command in a process of its own."""

import logging
import sys
import threading
from pathlib import Path

import pytest

from dicom_node.node.finetuning_schedule import FineTuningSchedule


def schedule(monkeypatch: pytest.MonkeyPatch, code: str) -> FineTuningSchedule:
    """A schedule of one model whose command is some Python instead."""
    made = FineTuningSchedule(Path("config"), models=lambda: ["chest"], min_new_cases=7)
    monkeypatch.setattr(made, "command", lambda _model: [sys.executable, "-c", code])
    return made


def test_the_command_names_configuration_model_and_what_is_new() -> None:
    made = FineTuningSchedule(Path("here"), models=tuple, min_new_cases=7)
    assert made.command("chest")[1:] == [
        "-m", "dicom_node.cli", "--config", "here", "models", "finetune", "chest",
        "--if-new", "7", "--by", "schedule",
    ]  # fmt: skip


def test_what_the_process_said_last_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    schedule(monkeypatch, "print('nothing new')").run()
    schedule(monkeypatch, "import sys; sys.exit('too few cases')").run()
    (good, bad) = [record for record in caplog.records if "fine-tuning ended" in record.message]
    assert good.levelno == logging.INFO
    assert "nothing new" in good.message
    assert bad.levelno == logging.ERROR
    assert "too few cases" in bad.message


def test_a_stop_ends_the_process_and_starts_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    made = schedule(monkeypatch, "import time; time.sleep(600)")
    running = threading.Thread(target=made.run)
    running.start()
    while made._process is None:
        assert running.is_alive()
    made.stop()
    running.join(timeout=120)
    assert not running.is_alive()
    made.run()
    assert made._process is None
