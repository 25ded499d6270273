"""The routes of DICOMweb that read (PS3.18 Sections 10.4 and 10.6); see ``storing`` for more."""

import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from dicom_node.dicomweb import media_types
from dicom_node.dicomweb.capabilities import WADL, wadl
from dicom_node.dicomweb.data_sets import JsonDataset, metadata
from dicom_node.dicomweb.decoding import Decoder, DecodesHere
from dicom_node.dicomweb.errors import BadSearchError, UnknownResourceError
from dicom_node.dicomweb.packaged import ZIP, zipped
from dicom_node.dicomweb.rendered import JPEG, PNG, Rendering
from dicom_node.dicomweb.retrieve import bulk_data, frames, instances
from dicom_node.dicomweb.search import Scope, search
from dicom_node.dicomweb.showing import rendered_images, small, thumbnail
from dicom_node.dicomweb.wado_uri import wado_uri
from dicom_node.query.catalogue import ArchivedObject, Catalogue
from dicom_node.query.keys import Level
from dicom_node.query.ports import EntitySearch

PREFIX = "/dicom-web"

_FRAME = re.compile(r"[0-9]{1,9}")
Accept = Annotated[str | None, Header()]
_STUDY = "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"


def make_router(
    catalogue: Catalogue, entities: EntitySearch, decoder: Decoder | None = None
) -> APIRouter:
    """Return the routes over what ``catalogue`` holds and ``entities`` finds.

    Who may call them is the caller's matter. ``decoder`` opens what is shown; without one it is
    done here.
    """
    decoder = decoder or DecodesHere()
    router = APIRouter(prefix=PREFIX, default_response_class=JSONResponse)
    _add_retrieval(router, catalogue, decoder)
    _add_rendering(router, catalogue, decoder)
    _add_search(router, entities)
    _add_capabilities(router)
    return router


def _add_retrieval(router: APIRouter, catalogue: Catalogue, decoder: Decoder) -> None:
    @router.get(_INSTANCE + "/frames/{numbers}")
    def retrieve_frames(
        study: str, series: str, instance: str, numbers: str, accept: Accept = None
    ) -> Response:
        found = _one(catalogue, study, series, instance)
        return frames(found, _numbers(numbers), media_types.accepted(accept), decoder)

    @router.get(_INSTANCE + "/bulkdata/{tag}")
    def retrieve_bulk_data(
        study: str, series: str, instance: str, tag: str, accept: Accept = None
    ) -> Response:
        found = _one(catalogue, study, series, instance)
        return bulk_data(found, tag, media_types.accepted(accept), decoder)

    @router.get(_STUDY + "/metadata")
    @router.get(_SERIES + "/metadata")
    @router.get(_INSTANCE + "/metadata")
    def retrieve_metadata(
        request: Request,
        study: str,
        series: str | None = None,
        instance: str | None = None,
        accept: Accept = None,
    ) -> Response:
        media_types.require(accept, media_types.DICOM_JSON, "application/json")
        found = _chosen(catalogue, study, series, instance)
        return _dicom_json([metadata(each, root=root(request)) for each in found])

    @router.get(_STUDY)
    @router.get(_SERIES)
    @router.get(_INSTANCE)
    def retrieve_instances(
        study: str, series: str | None = None, instance: str | None = None, accept: Accept = None
    ) -> Response:
        found = _chosen(catalogue, study, series, instance)
        wanted = media_types.accepted(accept)
        if wanted[0].name == ZIP:
            return zipped(found, instance or series or study)
        return instances(found, wanted, decoder)

    @router.get("/wado")
    def retrieve_by_uri(request: Request) -> Response:
        return wado_uri(catalogue, request.query_params, decoder)


def _add_rendering(router: APIRouter, catalogue: Catalogue, decoder: Decoder) -> None:
    @router.get(_INSTANCE + "/rendered")
    @router.get(_INSTANCE + "/frames/{numbers}/rendered")
    def retrieve_rendered(
        request: Request,
        study: str,
        series: str,
        instance: str,
        numbers: str = "1",
    ) -> Response:
        media_type = media_types.require(request.headers.get("Accept"), JPEG, PNG)
        rendering = Rendering.from_query(request.query_params)
        found = _one(catalogue, study, series, instance)
        body = decoder.rendered(found.path, _numbers(numbers)[0], media_type, rendering)
        return Response(body, media_type=media_type)

    @router.get(_STUDY + "/rendered")
    @router.get(_SERIES + "/rendered")
    def retrieve_all_rendered(request: Request, study: str, series: str | None = None) -> Response:
        media_type = media_types.require(request.headers.get("Accept"), JPEG, PNG)
        rendering = Rendering.from_query(request.query_params)
        found = _chosen(catalogue, study, series, None)
        return rendered_images(found, media_type, rendering, decoder)

    @router.get(_STUDY + "/thumbnail")
    @router.get(_SERIES + "/thumbnail")
    @router.get(_INSTANCE + "/thumbnail")
    def retrieve_thumbnail(
        request: Request, study: str, series: str | None = None, instance: str | None = None
    ) -> Response:
        media_type = media_types.require(request.headers.get("Accept"), JPEG, PNG)
        rendering = Rendering.from_query(request.query_params)
        found = _chosen(catalogue, study, series, instance)
        body = thumbnail(found, media_type, rendering, decoder)
        return Response(body, media_type=media_type)

    @router.get(_INSTANCE + "/frames/{numbers}/thumbnail")
    def retrieve_frame_thumbnail(
        request: Request, study: str, series: str, instance: str, numbers: str
    ) -> Response:
        media_type = media_types.require(request.headers.get("Accept"), JPEG, PNG)
        rendering = small(Rendering.from_query(request.query_params))
        found = _one(catalogue, study, series, instance)
        body = decoder.rendered(found.path, _numbers(numbers)[0], media_type, rendering)
        return Response(body, media_type=media_type)


def _add_capabilities(router: APIRouter) -> None:
    @router.options("")
    @router.options("/")
    def capabilities(request: Request) -> Response:
        media_types.require(request.headers.get("Accept"), WADL, "application/xml")
        routes = [each for each in router.routes if isinstance(each, APIRoute)]
        return Response(wadl(root(request), routes, PREFIX), media_type=WADL)


def _add_search(router: APIRouter, entities: EntitySearch) -> None:
    @router.get("/studies")
    def search_studies(request: Request, accept: Accept = None) -> Response:
        return _searched(entities, Scope(level=Level.STUDY), request, accept)

    @router.get("/series")
    @router.get(_STUDY + "/series")
    def search_series(
        request: Request, study: str | None = None, accept: Accept = None
    ) -> Response:
        return _searched(entities, Scope(level=Level.SERIES, study=study), request, accept)

    @router.get("/instances")
    @router.get(_STUDY + "/instances")
    @router.get(_SERIES + "/instances")
    def search_instances(
        request: Request,
        study: str | None = None,
        series: str | None = None,
        accept: Accept = None,
    ) -> Response:
        scope = Scope(level=Level.INSTANCE, study=study, series=series)
        return _searched(entities, scope, request, accept)


def _searched(
    entities: EntitySearch, scope: Scope, request: Request, accept: str | None
) -> Response:
    media_types.require(accept, media_types.DICOM_JSON, "application/json")
    service = root(request)
    results = search(entities, scope, request.query_params.multi_items(), root=service)
    response = _dicom_json(results.found)
    for each in results.warnings:
        response.headers.append("Warning", f'299 {service} "{each}"')
    return response


def _chosen(
    catalogue: Catalogue, study: str, series: str | None, instance: str | None
) -> Sequence[ArchivedObject]:
    found = [
        each
        for each in catalogue.objects(study)
        if series in (None, each.series_instance_uid) and instance in (None, each.sop_instance_uid)
    ]
    if not found:
        raise UnknownResourceError("no such study, series or instance is in the archive")
    return found


def _one(catalogue: Catalogue, study: str, series: str, instance: str) -> ArchivedObject:
    found = catalogue.find(instance)
    if found is None or (found.study_instance_uid, found.series_instance_uid) != (study, series):
        raise UnknownResourceError("no such study, series or instance is in the archive")
    return found


def _numbers(text: str) -> list[int]:
    parts = text.split(",")
    if not all(_FRAME.fullmatch(part) for part in parts):
        raise BadSearchError("frames are numbers from 1, separated by commas")
    return [int(part) for part in parts]


def root(request: Request) -> str:
    """Return the address of the service as the client reaches it."""
    return str(request.base_url).rstrip("/") + PREFIX


def _dicom_json(found: list[JsonDataset]) -> JSONResponse:
    return JSONResponse(found, media_type=media_types.DICOM_JSON)
