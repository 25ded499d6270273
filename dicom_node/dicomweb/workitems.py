"""UPS-RS: the worklist over HTTP (PS3.18 Section 11).

A thin face over ``ups.service``, like the DIMSE one. Data sets travel in the DICOM JSON Model, or
as XML in the Native DICOM Model. The ``Warning`` header says what a status code alone cannot, in
the Standard's words.
"""

import json
import logging
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.routing import APIRoute
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from dicom_node.dicomweb import representing
from dicom_node.dicomweb.data_sets import JsonDataset, make_sayable
from dicom_node.dicomweb.errors import NotAcceptableError
from dicom_node.dicomweb.json_bodies import read_json
from dicom_node.dicomweb.media_types import DICOM_JSON, DICOM_XML, asked, require
from dicom_node.dicomweb.native_reading import read_native_model
from dicom_node.domain.peer_message import Channel
from dicom_node.domain.procedure_step import UpsStatus
from dicom_node.query.errors import QueryTooWideError, UnusableQueryError
from dicom_node.query.json_model import from_json, in_json
from dicom_node.query.keys import STEP_KEYS, Level, returned
from dicom_node.query.parameters import Reading, read_search
from dicom_node.ups.errors import REASONS, StepRefusedError
from dicom_node.ups.service import ProcedureSteps
from dicom_node.ups.subscriptions import Receiver

_LOG = logging.getLogger(__name__)

MEDIA_TYPE = DICOM_JSON
_LARGEST_PAYLOAD = 4 * 1024 * 1024
# PS3.18 Tables 11.4.3-1 to 11.8.3-1; what is not named here is a conflict.
_HTTP_STATUS: dict[UpsStatus, int] = {
    UpsStatus.UNKNOWN_STEP: 404,
    UpsStatus.NOT_AUTHORIZED: 403,
    UpsStatus.WRONG_TRANSACTION_UID: 400,
    UpsStatus.INVALID_ATTRIBUTE_VALUE: 400,
    UpsStatus.MISSING_ATTRIBUTE: 400,
    UpsStatus.MISSING_ATTRIBUTE_VALUE: 400,
    UpsStatus.NOT_SCHEDULED: 400,
    UpsStatus.RECEIVER_UNKNOWN: 400,
    UpsStatus.ACTION_NOT_APPROPRIATE: 400,
    UpsStatus.NO_EVENT_REPORTS: 501,
    UpsStatus.SCHEDULED_BY_CREATION_ONLY: 400,
}
_INCONSISTENT = "The submitted request is inconsistent with the state of the UPS Instance."
_WARNINGS: dict[UpsStatus, str] = {
    UpsStatus.CREATED_WITH_MODIFICATIONS: "The Workitem was created with modifications.",
    UpsStatus.ATTRIBUTES_NOT_SUPPORTED: "Requested optional Attributes are not supported.",
    UpsStatus.NO_LONGER_UPDATABLE: _INCONSISTENT,
    UpsStatus.ALREADY_IN_PROGRESS: _INCONSISTENT,
    UpsStatus.NOT_IN_PROGRESS: _INCONSISTENT,
    UpsStatus.FINAL_STATE_REQUIREMENTS: _INCONSISTENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkitemLimits:
    """How much one search may give."""

    max_results: int = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkitemRequest:
    """What was asked, and by whom.

    ``action`` is an EventActionCode (PS3.15 Section A.5.1), None for a search; ``problem`` says why
    it was refused.
    """

    by: str
    address: str
    action: str | None
    uid: str
    asked: str
    problem: str


def _unsaid(_request: WorkitemRequest) -> None:
    """Tell nobody."""


def workitems_router(
    steps: ProcedureSteps,
    *,
    caller: Callable[[Request], str],
    limits: WorkitemLimits,
    tell: Callable[[WorkitemRequest], None] = _unsaid,
    prefix: str = "/dicom-web",
) -> APIRouter:
    """Return the routes of UPS-RS.

    Parameters
    ----------
    steps : ProcedureSteps
        What is served.
    caller : callable
        Says as which AE title a request is made; raises HTTPException where it may not be.
    limits : WorkitemLimits
        How much one search may give.
    tell : callable
        Told of each request that was let in.
    prefix : str
        Where the service lies on the node.
    """
    router = APIRouter(prefix=f"{prefix}/workitems", tags=["UPS-RS"], route_class=_Transaction)
    face = _Face(steps, limits)

    def told(request: Request) -> Iterator[str]:
        by = caller(request)
        yield by
        tell(_said(request, by))

    performer = Annotated[str, Depends(told)]
    payload = Annotated[Dataset, Depends(_payload)]

    @router.get("")
    def search(request: Request, _by: performer) -> Response:
        return face.search(request)

    @router.post("")
    def create(request: Request, by: performer, dataset: payload) -> Response:
        return face.create(request, dataset, by)

    @router.get("/{uid}")
    def retrieve(request: Request, uid: str, _by: performer) -> Response:
        return face.retrieve(request, uid)

    @router.post("/{uid}")
    def update(request: Request, uid: str, by: performer, dataset: payload) -> Response:
        return face.update(request, uid, dataset, by)

    @router.put("/{uid}/state")
    def change_state(request: Request, uid: str, by: performer, dataset: payload) -> Response:
        return face.change_state(request, uid, dataset, by)

    @router.post("/{uid}/cancelrequest")
    def cancel(request: Request, uid: str, by: performer, dataset: payload) -> Response:
        return face.request_cancel(request, uid, dataset, by)

    _add_subscriptions(router, face, told)
    return router


def _add_subscriptions(
    router: APIRouter, face: "_Face", told: Callable[[Request], Iterator[str]]
) -> None:
    performer = Annotated[str, Depends(told)]

    @router.post("/{uid}/subscribers/{title}")
    def subscribe(request: Request, uid: str, title: str, by: performer) -> Response:
        return face.subscribe(request, uid, _own(title, by))

    @router.delete("/{uid}/subscribers/{title}")
    def unsubscribe(request: Request, uid: str, title: str, by: performer) -> Response:
        return face.unsubscribe(request, uid, _own(title, by))

    @router.post("/{uid}/subscribers/{title}/suspend")
    def suspend(request: Request, uid: str, title: str, by: performer) -> Response:
        return face.suspend(request, uid, _own(title, by))


def _said(request: Request, by: str) -> WorkitemRequest:
    uid = request.path_params.get("uid", "")
    reads = request.method == "GET"
    return WorkitemRequest(
        by=by,
        address=request.client.host if request.client else "",
        action=("R" if uid else None) if reads else ("U" if uid else "C"),
        uid=uid or _named(request, "workitem", "AffectedSOPInstanceUID"),
        asked=str(request.url.query),
        problem=getattr(request.state, "refused", ""),
    )


class _Transaction(APIRoute):
    """Answers refusals itself: a page's error handler would lose the headers that explain them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of one request."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except HTTPException as error:
                request.state.refused = str(error.detail)
                return Response(
                    json.dumps({"detail": error.detail}),
                    status_code=error.status_code,
                    media_type="application/json",
                    headers=error.headers,
                )

        return answer


class _Face:
    """One method for each transaction of PS3.18 Section 11."""

    def __init__(self, steps: ProcedureSteps, limits: WorkitemLimits) -> None:
        self._steps = steps
        self._reading = Reading(always=returned(STEP_KEYS, Level.STEP), most=limits.max_results)

    def search(self, request: Request) -> Response:
        """Search for work items (Section 11.9)."""
        _check_accept(request)
        try:
            search = read_search(request.query_params.multi_items(), self._reading)
            matches = self._steps.find(search.query)
            found = list(islice(matches, search.offset, search.offset + search.limit + 1))
        except UnusableQueryError as error:
            raise HTTPException(400, str(error)) from error
        except QueryTooWideError as error:
            raise HTTPException(413, str(error)) from error
        shown = found[: search.limit]
        headers = {"Cache-Control": "no-cache"}
        warnings: list[str] = []
        if len(found) > len(shown):
            warnings.append("There are additional results that can be requested.")
        if warnings:
            headers["Warning"] = ", ".join(_warning(request, each) for each in warnings)
        if not shown:
            return Response(status_code=204, headers=headers)
        return representing.many([_said_in_full(each) for each in shown], asked(request), headers)

    def create(self, request: Request, dataset: Dataset, by: str) -> Response:
        """Create a work item (Section 11.4)."""
        named = _named(request, "workitem", "AffectedSOPInstanceUID")
        uid = named or str(
            dataset.get("SOPInstanceUID")
            or dataset.get("AffectedSOPInstanceUID")
            or generate_uid(prefix=None)
        )
        with _refusals(request):
            created = self._steps.create(uid, dataset, requester=by)
        where = f"{_service(request)}/workitems/{created.uid}"
        return Response(
            status_code=201,
            headers={
                "Location": where,
                "Content-Location": where,
                **_warnings(request, created.status),
            },
        )

    def retrieve(self, request: Request, uid: str) -> Response:
        """Retrieve a work item (Section 11.5)."""
        _check_accept(request)
        with _refusals(request):
            dataset = self._steps.get(uid)
        headers = {"Cache-Control": "no-cache"}
        return representing.one(_said_in_full(dataset), asked(request), headers)

    def update(self, request: Request, uid: str, dataset: Dataset, by: str) -> Response:
        """Update a work item (Section 11.6)."""
        key = _named(request, "transaction-uid", "TransactionUID") or str(
            dataset.get("TransactionUID") or ""
        )
        with _refusals(request, key):
            status = self._steps.update(uid, dataset, transaction_uid=key, performer=by)
        return _done(request, 200, uid, status)

    def change_state(self, request: Request, uid: str, dataset: Dataset, by: str) -> Response:
        """Change the state of a work item (Section 11.7)."""
        key = str(dataset.get("TransactionUID") or "")
        with _refusals(request, key):
            status = self._steps.change_state(
                uid,
                str(dataset.get("ProcedureStepState") or ""),
                transaction_uid=key,
                performer=by,
            )
        return _done(request, 200, uid, status)

    def request_cancel(self, request: Request, uid: str, dataset: Dataset, by: str) -> Response:
        """Request a cancellation (Section 11.8)."""
        with _refusals(request):
            status = self._steps.request_cancel(uid, dataset, requester=by)
        return _done(request, 202, uid, status)

    def subscribe(self, request: Request, uid: str, receiver: Receiver) -> Response:
        """Subscribe to a work item, or to all that match (Section 11.10)."""
        wanted = _filter(request.query_params.get("filter", ""))
        if _flag(request, "deletionlock"):
            wanted.DeletionLock = "TRUE"
        with _refusals(request):
            self._steps.subscribe(uid, receiver, wanted)
        where = f"{_service(request)}/subscribers/{receiver.title}".replace("http", "ws", 1)
        return Response(status_code=201, headers={"Content-Location": where})

    def unsubscribe(self, request: Request, uid: str, receiver: Receiver) -> Response:
        """End a subscription (Section 11.11)."""
        with _refusals(request):
            self._steps.unsubscribe(uid, receiver)
        return Response(status_code=200)

    def suspend(self, request: Request, uid: str, receiver: Receiver) -> Response:
        """Hear of no new work items (Section 11.12)."""
        with _refusals(request):
            self._steps.suspend(uid, receiver)
        return Response(status_code=200)


def _own(title: str, by: str) -> Receiver:
    if title != by:
        raise HTTPException(403, f"this token subscribes as {by} alone")
    return Receiver(title=title, channel=Channel.WEB)


def _flag(request: Request, name: str) -> bool:
    said = request.query_params.get(name, "false").lower()
    if said not in ("true", "false"):
        raise HTTPException(400, f"{name} is true or false")
    return said == "true"


def _filter(text: str) -> Dataset:
    """Read a filter: attributes and values, as in ``PatientID=4711,WorklistLabel=WARD 7``."""
    keys = Dataset()
    for part in filter(None, text.split(",")):
        name, is_pair, value = part.partition("=")
        tag = tag_for_keyword(name) if is_pair else None
        vr = dictionary_VR(tag) if tag is not None else "SQ"
        if tag is None or vr == "SQ":
            raise HTTPException(400, "a filter is attributes and values: PatientID=4711,…")
        keys.add_new(tag, vr, value)
    return keys


class _refusals:  # noqa: N801 - read as a statement
    """Answers a refused request with its HTTP status and Warning."""

    def __init__(self, request: Request, transaction_uid: str = "") -> None:
        self._request = request
        self._key = transaction_uid

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Turn a refusal into an HTTP error."""
        if not isinstance(error, StepRefusedError):
            return
        text = _WARNINGS.get(error.status, f"{REASONS[error.status]}.")
        if error.status is UpsStatus.WRONG_TRANSACTION_UID:
            text = f"The Transaction UID is {'incorrect' if self._key else 'missing'}."
        _LOG.info("work item refused status=0x%04X reason=%s", error.status, error)
        raise HTTPException(
            _HTTP_STATUS.get(error.status, 409),
            str(error),
            headers={"Warning": _warning(self._request, text)},
        ) from error


async def _payload(request: Request) -> Dataset:
    """Read the one data set of a request, an object or an array of one object."""
    kind = request.headers.get("Content-Type", MEDIA_TYPE).partition(";")[0].strip().lower()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST_PAYLOAD:
            raise HTTPException(413, f"more than {_LARGEST_PAYLOAD} bytes")
    if not body:
        return Dataset()
    if kind not in (MEDIA_TYPE, "application/json", DICOM_XML):
        raise HTTPException(415, f"send {MEDIA_TYPE} or {DICOM_XML}")
    model = "Native DICOM Model" if kind == DICOM_XML else "DICOM JSON Model"
    try:
        return _dataset(read_native_model(body) if kind == DICOM_XML else read_json(body))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise HTTPException(400, f"the payload is no data set in the {model}") from error


def _dataset(parsed: Any) -> Dataset:
    items = parsed if isinstance(parsed, list) else [parsed]
    if len(items) != 1 or not isinstance(items[0], dict):
        raise HTTPException(400, "the payload is not one data set")
    return from_json(items[0])


def _said_in_full(dataset: Dataset) -> JsonDataset:
    encoded: JsonDataset = in_json(dataset)
    make_sayable(encoded)
    return encoded


def _check_accept(request: Request) -> None:
    try:
        require(asked(request), MEDIA_TYPE, "application/json", DICOM_XML)
    except NotAcceptableError as error:
        raise HTTPException(406, f"the worklist gives {MEDIA_TYPE} or {DICOM_XML}") from error


def _named(request: Request, *names: str) -> str:
    """Return a UID that the query gives by one of these names, or as a bare value."""
    for name in names:
        if name in request.query_params:
            return request.query_params[name]
    bare = request.url.query
    return bare if bare and "=" not in bare else ""


def _service(request: Request) -> str:
    return str(request.url).partition("/workitems")[0]


def _warning(request: Request, text: str) -> str:
    return f"299 {_service(request)}: {text}"


def _warnings(request: Request, status: UpsStatus) -> dict[str, str]:
    if status is UpsStatus.SUCCESS:
        return {}
    return {"Warning": _warning(request, _WARNINGS.get(status, f"{REASONS[status]}."))}


def _done(request: Request, code: int, uid: str, status: UpsStatus) -> Response:
    where = f"{_service(request)}/workitems/{uid}"
    return Response(
        status_code=code, headers={"Content-Location": where, **_warnings(request, status)}
    )
