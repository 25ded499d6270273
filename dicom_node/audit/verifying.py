"""Whether a trail is as it was written: says which records were changed, removed or moved."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dicom_node.audit.chain import FIRST, Record, files_in, head_of, parsed
from dicom_node.audit.errors import AuditError


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found: how many records, the digest of the last one, and what is wrong."""

    records: int
    last: int
    digest: str
    problems: tuple[str, ...]


@dataclass(slots=True)
class _Walk:
    """What has been seen so far."""

    first: int
    records: int = 0
    highest: int = 0
    last: Record | None = None
    seen: list[tuple[int, int]] = field(default_factory=list)

    def note(self, number: int) -> None:
        """Take note of a number; neighbours become one range."""
        self.records += 1
        self.highest = max(self.highest, number)
        if self.seen and self.seen[-1][1] + 1 == number:
            self.seen[-1] = (self.seen[-1][0], number)
        else:
            self.seen.append((number, number))

    def missing(self, until: int) -> Iterator[tuple[int, int]]:
        """Yield the ranges of numbers that there should be and are not."""
        expected = self.first
        for start, end in sorted(self.seen):
            if start > expected:
                yield expected, start - 1
            expected = max(expected, end + 1)
        if expected <= until:
            yield expected, until


def verify(folder: Path, *, first: int = 1, digest: str = "") -> Verified:
    """Read a whole trail.

    Parameters
    ----------
    folder
        Where it lies.
    first
        The record that it begins with; the files before may have been put elsewhere.
    digest
        One that a receiver has kept: the trail must hold it.

    Raises
    ------
    AuditError
        It cannot be read.
    """
    walk = _Walk(first)
    problems = []
    is_held = not digest
    try:
        for path in files_in(folder):
            with path.open("rb") as lines:
                for row, line in enumerate(lines, start=1):
                    where = f"{path.name} line {row}"
                    try:
                        record = parsed(line)
                    except ValueError:
                        problems.append(f"{where} is no record any more")
                        walk.last = None
                        continue
                    is_held = is_held or record.digest == digest
                    problems += _wrong(record, walk, where)
                    walk.note(record.number)
                    walk.last = record
    except OSError as error:
        raise AuditError(f"{error.filename}: {error.strerror}") from error
    problems += _gaps(folder, walk)
    if not is_held:
        problems.append(f"no record has the digest {digest}")
    end = walk.last
    return Verified(
        records=walk.records,
        last=end.number if end else 0,
        digest=end.digest if end else FIRST,
        problems=tuple(problems),
    )


def _wrong(record: Record, walk: _Walk, where: str) -> Iterator[str]:
    if not record.is_sound:
        yield f"record {record.number} ({where}) was changed"
    if record.number <= walk.highest:
        yield f"record {record.number} ({where}) comes after {walk.highest}: moved or copied"
        return
    before = walk.last
    if before is not None and before.number + 1 == record.number:
        if record.previous != before.digest:
            yield (
                f"record {record.number} ({where}) does not continue record {before.number}: one "
                "of them was replaced"
            )
    elif record.number == 1 and record.previous != FIRST:
        yield f"record 1 ({where}) is not the beginning of a trail"


def _gaps(folder: Path, walk: _Walk) -> Iterator[str]:
    head = head_of(folder)
    for start, end in walk.missing(max(head.number, walk.highest)):
        which = f"record {start} is" if start == end else f"records {start} to {end} are"
        yield f"{which} missing"
    last = walk.last
    if last is not None and last.number == head.number and last.digest != head.digest:
        yield f"record {last.number} is not the one that was written last"
