"""Storing (STOW-RS, PS3.18 Section 10.5): objects in, what became of each out."""

import re
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydicom import Dataset
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from dicom_node.dicomweb import media_types
from dicom_node.dicomweb.errors import (
    BadRequestBodyError,
    DicomWebError,
    UnsupportedMediaTypeError,
)
from dicom_node.dicomweb.incoming import IncomingBody, Outcome, incoming_body
from dicom_node.dicomweb.native_model import native_model
from dicom_node.dicomweb.router import PREFIX, root
from dicom_node.dicomweb.uploads import Kept, NotKept, Sender, Upload, Uploads
from dicom_node.domain.reception import AssociationEnd

UPLOAD_JSON = "application/vnd.dicom-node.upload+json"
"""What became of each part with the words that people read: what the upload page asks for."""
# Bytes that are gathered before a thread is asked to take them.
_PIECE = 2**20
_STORE_PATH = re.compile(rf"{PREFIX}/studies(/[^/]+)?")


def is_store(method: str, path: str) -> bool:
    """Whether a request is one that stores."""
    return method == "POST" and _STORE_PATH.fullmatch(path) is not None


def make_store_router(uploads: Uploads, sender: Callable[..., Sender]) -> APIRouter:
    """Return the routes that take objects from whom ``sender``, a dependency, lets in."""
    router = APIRouter(prefix=PREFIX)

    @router.post("/studies")
    @router.post("/studies/{study}")
    async def store(
        request: Request, study: str | None = None, *, who: Annotated[Sender, Depends(sender)]
    ) -> Response:
        answer = media_types.require(
            request.headers.get("Accept"),
            media_types.DICOM_JSON,
            "application/json",
            UPLOAD_JSON,
            media_types.DICOM_XML,
        )
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise UnsupportedMediaTypeError("bodies are taken without a Content-Encoding")
        upload = await run_in_threadpool(uploads.open, who, study)
        outcomes = await _received(request, upload)
        return _answer(outcomes, answer, root(request))

    return router


async def _received(request: Request, upload: Upload) -> list[Outcome]:
    """Take the whole body; whatever ends it, the upload ends too and says how."""
    body: IncomingBody | None = None
    end = AssociationEnd.PROTOCOL_ERROR
    try:
        body = incoming_body(request.headers.get("Content-Type"), upload)
        await _read(request, body)
        await run_in_threadpool(body.finish)
        end = AssociationEnd.RELEASED
    except ClientDisconnect as error:
        end = AssociationEnd.CONNECTION_LOST
        raise BadRequestBodyError("the connection was lost before the body was whole") from error
    except HTTPException as refused:
        # What limits requests says that the body is too large, or that no more of it comes.
        is_late = refused.status_code == HTTPStatus.REQUEST_TIMEOUT
        end = AssociationEnd.TIMED_OUT if is_late else AssociationEnd.PROTOCOL_ERROR
        raise
    finally:
        if body is not None:
            body.close()
        await run_in_threadpool(upload.end, end)
    return body.outcomes


async def _read(request: Request, body: IncomingBody) -> None:
    gathered = bytearray()
    try:
        async for piece in request.stream():
            gathered += piece
            if len(gathered) >= _PIECE:
                await run_in_threadpool(body.write, bytes(gathered))
                gathered.clear()
    except (ClientDisconnect, HTTPException):
        # Of a transfer that breaks off, the objects that have come whole are kept.
        with suppress(DicomWebError):
            await run_in_threadpool(body.write, bytes(gathered))
        raise
    await run_in_threadpool(body.write, bytes(gathered))


def _status(outcomes: Collection[Outcome]) -> int:
    """PS3.18 Table 10.5.3-1: all stored, some or with warnings, none."""
    kept = [each for each in outcomes if isinstance(each, Kept)]
    if not kept:
        return HTTPStatus.CONFLICT
    is_clean = len(kept) == len(outcomes) and not any(each.warning_reason for each in kept)
    return HTTPStatus.OK if is_clean else HTTPStatus.ACCEPTED


def _answer(outcomes: Collection[Outcome], kind: str, service: str) -> Response:
    """Say what became of the objects, as the client accepts it."""
    status = _status(outcomes)
    if kind == UPLOAD_JSON:
        return JSONResponse(_words(outcomes), status_code=status, media_type=kind)
    said = _response(outcomes, service)
    if kind == media_types.DICOM_XML:
        return Response(native_model(said), status_code=status, media_type=kind)
    return JSONResponse(said, status_code=status, media_type=media_types.DICOM_JSON)


def _response(outcomes: Iterable[Outcome], service: str) -> dict[str, Any]:
    """Return the Store Instances Response Module (PS3.18 Annex I) in the DICOM JSON Model."""
    dataset = Dataset()
    stored, failed, others = [], [], []
    studies = set()
    for each in outcomes:
        if isinstance(each, Kept):
            studies.add(each.study_instance_uid)
            stored.append(_stored(each, service))
        elif each.sop_instance_uid and each.sop_class_uid:
            failed.append(_failed(each))
        else:
            others.append(_other(each))
    if len(studies) == 1:
        dataset.RetrieveURL = f"{service}/studies/{studies.pop()}"
    if failed:
        dataset.FailedSOPSequence = failed
    if stored:
        dataset.ReferencedSOPSequence = stored
    if others:
        dataset.OtherFailuresSequence = others
    return dataset.to_json_dict()


def _stored(each: Kept, service: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = each.sop_class_uid
    item.ReferencedSOPInstanceUID = each.sop_instance_uid
    item.RetrieveURL = (
        f"{service}/studies/{each.study_instance_uid}/series/{each.series_instance_uid}"
        f"/instances/{each.sop_instance_uid}"
    )
    if each.warning_reason:
        item.WarningReason = each.warning_reason
    return item


def _failed(each: NotKept) -> Dataset:
    item = _other(each)
    item.ReferencedSOPClassUID = each.sop_class_uid
    item.ReferencedSOPInstanceUID = each.sop_instance_uid
    return item


def _other(each: NotKept) -> Dataset:
    item = Dataset()
    item.FailureReason = each.failure_reason
    return item


def _words(outcomes: Iterable[Outcome]) -> dict[str, Any]:
    """Return what became of the parts, in their order within each list."""
    stored, refused = [], []
    for each in outcomes:
        if isinstance(each, Kept):
            stored.append(
                {
                    "study": each.study_instance_uid,
                    "instance": each.sop_instance_uid,
                    "location": each.location,
                }
            )
        else:
            refused.append({"why": each.words, "location": each.location})
    return {"stored": stored, "refused": refused}
