"""Structured log lines, and their way from a receiver process to the main one."""

import logging
import logging.handlers
from collections.abc import Callable


def fields(**values: object) -> str:
    """Return ``key=value`` pairs on one line; what comes from a peer cannot break out of it."""
    return " ".join(f"{key}={_quoted(str(value))}" for key, value in values.items())


def _quoted(text: str) -> str:
    if text and text.isprintable() and not any(letter in text for letter in ' "='):
        return text
    escaped = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'"{escaped}"'


class ForwardingHandler(logging.handlers.QueueHandler):
    """Hands records, formatted as far as pickling needs, to a function that sends them away."""

    def __init__(self, send: Callable[[logging.LogRecord], None]) -> None:
        """Send every record through ``send``."""
        super().__init__(queue=None)  # type: ignore[arg-type]  # enqueue is overridden below
        self._send = send

    def enqueue(self, record: logging.LogRecord) -> None:
        """Send one prepared record."""
        self._send(record)


def replay(record: logging.LogRecord) -> None:
    """Emit a forwarded record through the logger of its name, as if it had arisen here."""
    target = logging.getLogger(record.name)
    if target.isEnabledFor(record.levelno):
        target.handle(record)
