"""The trail as people read it: filtered, the newest first."""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from dicom_node.audit import codes
from dicom_node.audit.chain import files_in, first_of, newest_first, parsed
from dicom_node.audit.errors import AuditError
from dicom_node.audit.events import studies_of
from dicom_node.audit.markup import read
from dicom_node.audit.message import AuditMessage, Outcome

_OUTCOMES = {
    Outcome.SUCCESS: "success",
    Outcome.MINOR_FAILURE: "refused or failed",
    Outcome.SERIOUS_FAILURE: "serious failure",
}
# Who a patient is, and what was asked, is not for everybody who may see who did what.
_OF_PATIENTS = frozenset({codes.PATIENT_NUMBER})
# What stands in a line as it is, for neither XML nor JSON writes it otherwise.
_AS_IT_IS = re.compile(r"[A-Za-z0-9 ._@-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which records: since and before a time, by a user, about a study, of a kind of event."""

    since: datetime | None = None
    until: datetime | None = None
    user: str = ""
    study: str = ""
    event: str = ""

    def fits(self, message: AuditMessage) -> bool:
        """Whether a message is one of them."""
        return (
            (self.since is None or message.at >= self.since)
            and (self.until is None or message.at < self.until)
            and (not self.user or self._is_by(message))
            and (not self.study or self.study in studies_of(message))
            and (not self.event or self._is_kind(message))
        )

    def may_fit(self, line: bytes) -> bool:
        """Whether the record on a line may be one of them, without reading it; never wrongly not.

        A million records are looked through in seconds, of which reading each would take minutes.
        """
        if self.study and b"Export" not in line and self.study.encode() not in line:
            return False
        if not line.isascii():  # capitals of other alphabets: reading tells
            return True
        lowered = line.lower()
        return all(
            not _AS_IT_IS.fullmatch(word) or word.lower().encode() in lowered
            for word in (self.user, self.event)
            if word
        )

    def _is_by(self, message: AuditMessage) -> bool:
        wanted = self.user.casefold()
        return any(
            wanted in (each.user_id.casefold(), each.user_id.partition(" ")[0].casefold())
            for each in message.participants
        )

    def _is_kind(self, message: AuditMessage) -> bool:
        wanted = self.event.casefold()
        return any(
            wanted == each.value or wanted in each.meaning.casefold()
            for each in (message.event, *message.types)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Who took part."""

    user: str
    address: str
    asked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What it was about; ``query`` is what was asked of it."""

    kind: str
    id: str
    name: str
    query: str
    details: dict[str, list[str]]
    objects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One record as it is shown."""

    number: int
    at: datetime
    event: str
    types: list[str]
    action: str
    outcome: str
    description: str
    by: list[Party]
    about: list[Subject]
    digest: str

    @property
    def who(self) -> str:
        """Whoever asked for it."""
        asked = [each.user for each in self.by if each.asked]
        return ", ".join(asked or [each.user for each in self.by])

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {**asdict(self), "at": self.at.isoformat()}


def newest(
    folder: Path,
    wanted: Wanted,
    *,
    limit: int,
    before: int | None = None,
    names_patients: bool = True,
) -> list[Shown]:
    """Return records, the newest first, from the one below ``before``.

    Lines that are no records are passed over: verifying names them.

    Raises
    ------
    AuditError
        The trail cannot be read.
    """
    found: list[Shown] = []
    try:
        for shown in _records(folder, wanted, before, names_patients=names_patients):
            found.append(shown)
            if len(found) == limit:
                break
    except OSError as error:
        raise AuditError(f"{error.filename}: {error.strerror}") from error
    return found


def _records(
    folder: Path, wanted: Wanted, before: int | None, *, names_patients: bool
) -> Iterator[Shown]:
    for path in reversed(files_in(folder)):
        if before is not None and first_of(path) >= before:
            continue
        for line in newest_first(path):
            if not wanted.may_fit(line):
                continue
            try:
                record = parsed(line)
                message = read(record.message)
            except ValueError:
                continue
            if (before is None or record.number < before) and wanted.fits(message):
                yield shown_of(record.number, record.digest, message, names_patients=names_patients)


def shown_of(number: int, digest: str, message: AuditMessage, *, names_patients: bool) -> Shown:
    """Return a record as it is shown."""
    return Shown(
        number=number,
        at=message.at,
        event=message.event.meaning,
        types=[each.meaning for each in message.types],
        action=message.action.name.lower(),
        outcome=_OUTCOMES[message.outcome],
        description=message.description,
        by=[
            Party(user=each.user_id, address=each.address, asked=each.is_requestor)
            for each in message.participants
        ],
        about=[
            Subject(
                kind=each.id_type.meaning,
                id=each.object_id
                if names_patients or each.id_type not in _OF_PATIENTS
                else "(recorded)",
                name=each.name,
                query=(each.query or "") if names_patients else "",
                details=_details(each.details),
                objects=sum(one.instances for one in each.classes),
            )
            for each in message.objects
        ],
        digest=digest,
    )


def _details(details: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for each in details:
        found.setdefault(each.kind, []).append(each.value)
    return found
