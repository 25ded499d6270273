"""Logs."""

import json
import logging
from collections.abc import Iterator

import pytest

from dicom_node.domain.peer_words import peer_words
from dicom_node.telemetry import Tally, configure_logging


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers = root.handlers[:]
    changed = [root, *map(logging.getLogger, ("dicom_node", "ai_engine", "sr_templates"))]
    levels = [logger.level for logger in changed]
    yield
    root.handlers[:] = handlers
    for logger, level in zip(changed, levels, strict=True):
        logger.setLevel(level)


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


@pytest.mark.parametrize("library", ["sqlalchemy.pool", "fontTools.subset", "some.other"])
def test_libraries_say_their_warnings_only(
    capsys: pytest.CaptureFixture[str], library: str
) -> None:
    configure_logging("DEBUG", "text")
    logging.getLogger("dicom_node.test").debug("our own")
    logging.getLogger(library).info("names a patient")
    logging.getLogger(library).warning("something is wrong")
    assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()] == ["own", "wrong"]


def test_nobody_says_less_than_what_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("ERROR", "text")
    for name in ("dicom_node.test", "some.library"):
        logging.getLogger(name).warning("not so bad")
    assert capsys.readouterr().err == ""


def test_a_count_that_takes_long_is_not_taken_at_every_scrape() -> None:
    now, counted = [0.0], [0]

    def count() -> int:
        now[0] += 2.0  # it takes two seconds
        counted[0] += 1
        return counted[0]

    tally = Tally(count, monotonic=lambda: now[0])
    assert tally() == 1
    now[0] += 199.0
    assert tally() == 1
    now[0] += 1.0
    assert tally() == 2


@pytest.mark.parametrize("style", ["text", "json"])
def test_what_a_peer_has_said_is_left_out(capsys: pytest.CaptureFixture[str], style: str) -> None:
    configure_logging("INFO", style)
    reason = f"0xA700 {peer_words('Patient DOE^JANE 4711 is locked')}"
    log = logging.getLogger("dicom_node.test")
    log.error("not delivered reason=%r", reason, exc_info=OSError(reason))
    said = capsys.readouterr().err
    assert "0xA700" in said
    assert "DOE" not in said


@pytest.mark.parametrize("said", ["", None, "  ", "\x1b[2J"])
def test_a_peer_that_says_nothing_readable_is_not_quoted(said: object) -> None:
    assert peer_words(said) == ""


def test_a_peer_cannot_end_its_own_quotation() -> None:
    assert peer_words("a\N{SINGLE RIGHT-POINTING ANGLE QUOTATION MARK} DOE").count("a DOE") == 1
