"""Logs."""

import json
import logging
from collections.abc import Iterator

import pytest

from dicom_node.telemetry import configure_logging


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_logs_are_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    logging.getLogger("dicom_node.test").info("delivered destination=%s", "PACS")
    (line,) = capsys.readouterr().err.splitlines()
    event = json.loads(line)
    assert (event["level"], event["message"]) == ("INFO", "delivered destination=PACS")
    assert event["time"].endswith("+00:00")


def test_an_error_keeps_its_trace_on_the_same_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json")
    try:
        int("x")
    except ValueError:
        logging.getLogger("dicom_node.test").exception("failed")
    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError" in json.loads(line)["trace"]


def test_libraries_that_repeat_header_values_are_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("DEBUG", "text")
    logging.getLogger("pynetdicom.acse").info("names a patient")
    assert capsys.readouterr().err == ""
