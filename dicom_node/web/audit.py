"""The audit trail as a page and over REST, for those who manage people."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from dicom_node.audit import codes, events
from dicom_node.audit.reading import Shown, Wanted
from dicom_node.domain.user import Permission
from dicom_node.errors import InvalidFieldsError
from dicom_node.web.api.callers import MayManagePeople
from dicom_node.web.frame import Frame, Section
from dicom_node.web.records import address, now, record
from dicom_node.web.sessions import ManagingPeople, allows

PATH = "/audit"
_PAGE = 100
_MOST = 2**53
_Text = Annotated[str, Field(max_length=128)]


class RecordSearch(BaseModel):
    """Which records are asked for, in an address."""

    since: _Text = ""
    by: _Text = ""
    study: _Text = ""
    event: _Text = ""
    limit: int = Field(default=100, ge=1, le=500)
    before: int | None = Field(default=None, ge=1, le=_MOST)

    @property
    def wanted(self) -> Wanted:
        """Which those are.

        Raises
        ------
        InvalidFieldsError
            When the time cannot be read.
        """
        return Wanted(
            since=_moment(self.since),
            user=self.by.strip(),
            study=self.study.strip(),
            event=self.event.strip(),
        )


class AuditPort(Protocol):
    """The audit trail, to be read."""

    def newest(self, wanted: Wanted, *, limit: int, before: int | None = None) -> Sequence[Shown]:
        """Return records, the newest first, from the one below ``before``."""


def make_audit(frame: Frame, trail: AuditPort) -> tuple[Section, APIRouter]:
    """Return the section of the pages, and the routes of the API."""
    section = Section(
        title="Audit trail",
        path=PATH,
        router=_page(frame, trail),
        is_for=allows(Permission.PEOPLE),
    )
    return section, _service(trail)


def _page(frame: Frame, trail: AuditPort) -> APIRouter:
    router = APIRouter()

    @router.get(PATH)
    def audit(
        request: Request,
        user: ManagingPeople,
        said: Annotated[RecordSearch, Query()],
    ) -> Response:
        problem, found = "", list[Shown]()
        try:
            found = list(trail.newest(said.wanted, limit=_PAGE + 1, before=said.before))
        except InvalidFieldsError as error:
            problem = error.fields["since"]
        _note(request, user.name)
        return frame.page(
            request,
            user,
            "audit.html",
            records=found[:_PAGE],
            following=found[_PAGE - 1].number if len(found) > _PAGE else None,
            events=[code.meaning for code in codes.EVENTS],
            said=said.model_dump(include={"since", "by", "study", "event"}),
            problem=problem,
        )

    return router


def _service(trail: AuditPort) -> APIRouter:
    router = APIRouter(tags=["Audit trail"])

    @router.get("/audit")
    def list_records(
        request: Request,
        who: MayManagePeople,
        said: Annotated[RecordSearch, Query()],
    ) -> dict[str, Any]:
        """List records, the newest first; `next` goes into `before` for the following page.

        `since` is a day or a time, `by` a user or AE title, `event` part of an event's name or its
        code in PS3.16. Who the patients are is left out; `dicom-node audit show` has it.
        """
        limit = said.limit
        found = list(trail.newest(said.wanted, limit=limit + 1, before=said.before))
        _note(request, who.actor)
        return {
            "records": [each.as_json() for each in found[:limit]],
            "next": found[limit - 1].number if len(found) > limit else None,
        }

    return router


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        words = "write a day or a time as 2026-01-31 or 2026-01-31T08:00."
        raise InvalidFieldsError("the query", {"since": words}) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def _note(request: Request, user: str) -> None:
    where = str(request.url.path)
    said = events.log_used(user, at=now(request), address=address(request), where=where)
    record(request, said)
