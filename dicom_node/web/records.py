"""What is done by HTTP, on its way into the audit trail."""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Lock

from fastapi import Request

from dicom_node.audit import events
from dicom_node.audit.events import Peer, StudyPart
from dicom_node.audit.message import AuditMessage
from dicom_node.audit.trail import Record
from dicom_node.web.head_requests import is_bodiless

# Images of a study that somebody looks at come in hundreds of requests.
SITTING = timedelta(minutes=15)
_MOST_KEPT = 10_000


def address(request: Request) -> str:
    """Return where a request comes from."""
    return request.client.host if request.client else ""


def record(request: Request, message: AuditMessage) -> None:
    """Record what a request did."""
    write: Record = request.app.state.record
    write(message)


def now(request: Request) -> datetime:
    """Return the time."""
    clock: Callable[[], datetime] = request.app.state.clock
    return clock()


class Accesses:
    """Records who gets what of a study, once for each sitting of 15 minutes (PS3.15 A.5.3.5)."""

    def __init__(self) -> None:
        self._begun: OrderedDict[tuple[str, str, str, str], datetime] = OrderedDict()
        self._lock = Lock()

    def seen(self, request: Request, study: str, *, user: str, how: str, patient: str = "") -> None:
        """Record that somebody saw a study, or got images of it; by HEAD nobody does."""
        if is_bodiless(request):
            return
        at, where = now(request), address(request)
        if not self._begins((user, where, study, how), at):
            return
        part = StudyPart(study=study, classes={}, patient_id=patient)
        record(request, events.accessed(part, user=user, address=where, at=at, how=how))

    def asked(self, request: Request, *, user: str) -> None:
        """Record a query."""
        asking = Peer(name=user, address=address(request))
        asked = str(request.url.query)
        record(
            request,
            events.query(asking, at=now(request), service=request.url.path, asked=asked),
        )

    def _begins(self, key: tuple[str, str, str, str], at: datetime) -> bool:
        with self._lock:
            begun = self._begun.get(key)
            if begun is not None and timedelta() <= at - begun < SITTING:
                return False
            self._begun[key] = at
            self._begun.move_to_end(key)
            if len(self._begun) > _MOST_KEPT:
                self._begun.popitem(last=False)
            return True
