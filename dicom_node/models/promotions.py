"""Which version of each model is active, and who changed it when.

``config/models.toml`` says what a node starts with; every change since is a line of a journal
beside the node's own models. Lines are only ever added, so that each change can be explained and
taken back.
"""

import dataclasses
import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from dicom_node.errors import NodeError

JOURNAL_NAME = "promotions.jsonl"


class PromotionError(NodeError):
    """The active version of a model cannot be changed, or the journal of changes not be read."""


class Change(StrEnum):
    """What was done."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """One change of a model's active version; ``before`` or ``after`` is empty for none."""

    at: datetime
    by: str
    change: Change
    model: str
    before: str
    after: str
    weights_digest: str


def active_versions(base: Mapping[str, str], journal: Sequence[Promotion]) -> dict[str, str]:
    """Return each model's active version after all changes."""
    versions = dict(base) | {entry.model: entry.after for entry in journal}
    return {model: version for model, version in versions.items() if version}


def version_before(base: Mapping[str, str], journal: Sequence[Promotion], model: str) -> str:
    """Return the version that a rollback would make active again; empty for none.

    Raises
    ------
    PromotionError
        When no promotion of the model is left to take back.
    """
    stack = [base.get(model, "")]
    for entry in journal:
        if entry.model == model:
            if entry.change is Change.PROMOTE:
                stack.append(entry.after)
            else:
                stack.pop()
    if len(stack) < 2:
        raise PromotionError(
            f"model {model}: no promotion is left to take back; promote a version instead."
        )
    return stack[-2]


class PromotionJournal:
    """The journal's file; several processes may read and extend it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def fingerprint(self) -> tuple[int, int] | None:
        """Return what differs after every change; None while there is no journal."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino

    def entries(self) -> tuple[Promotion, ...]:
        """Read all changes, oldest first.

        Raises
        ------
        PromotionError
            When the file is damaged.
        """
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return ()
        return tuple(self._entry(number, line) for number, line in enumerate(lines, start=1))

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Keep other processes from changing the journal between reading and adding.

        Raises
        ------
        PromotionError
            When the folder cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._path.with_suffix(".lock").open("w")
        except OSError as error:
            raise self._unwritable(error) from error
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def add(self, entry: Promotion) -> None:
        """Add a change; it is durable when this returns. Call it within `changing`.

        Raises
        ------
        PromotionError
            When the file cannot be written.
        """
        lines = "".join(_line(known) for known in (*self.entries(), entry))
        temporary = self._path.with_suffix(".new")
        try:
            with temporary.open("w", encoding="utf-8") as file:
                file.write(lines)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
            folder = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self._unwritable(error) from error

    def _entry(self, number: int, line: str) -> Promotion:
        try:
            table = json.loads(line)
            return Promotion(
                **{
                    **table,
                    "at": datetime.fromisoformat(table["at"]),
                    "change": Change(table["change"]),
                }
            )
        except (ValueError, TypeError, KeyError) as error:
            raise PromotionError(
                f"{self._path}, line {number}: not a promotion ({error}); restore the file."
            ) from error

    def _unwritable(self, error: OSError) -> PromotionError:
        return PromotionError(
            f"{self._path} cannot be written ({error.strerror}): check the folder's permissions."
        )


def _line(entry: Promotion) -> str:
    table = dataclasses.asdict(entry) | {"at": entry.at.isoformat()}
    return json.dumps(table, ensure_ascii=False) + "\n"
