"""The routes of DICOMweb that read (PS3.18 Sections 10.4 and 10.6); see ``storing`` for more."""

import functools
import re
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from dicom_node.dicomweb import media_types, representing
from dicom_node.dicomweb.capabilities import WADL, wadl
from dicom_node.dicomweb.data_sets import metadata
from dicom_node.dicomweb.decoding import Decoder, DecodesHere
from dicom_node.dicomweb.errors import BadSearchError, UnknownResourceError
from dicom_node.dicomweb.packaged import ZIP, zipped
from dicom_node.dicomweb.rendered import JPEG, PNG, Rendering
from dicom_node.dicomweb.retrieve import bulk_data, frames, instances
from dicom_node.dicomweb.search import Scope, search
from dicom_node.dicomweb.showing import rendered_frames, rendered_images, small, thumbnail
from dicom_node.dicomweb.wado_uri import wado_uri
from dicom_node.query.catalogue import ArchivedObject, Catalogue
from dicom_node.query.keys import Level
from dicom_node.query.ports import EntitySearch

PREFIX = "/dicom-web"

_FRAME = re.compile(r"[0-9]{1,9}")
Accept = Annotated[str | None, Depends(media_types.asked)]
_STUDY = "/studies/{study}"
_SERIES = _STUDY + "/series/{series}"
_INSTANCE = _SERIES + "/instances/{instance}"


Withheld = Callable[[Request, str | None], frozenset[str]]
"""Says which series of a study, or of all where none is named, are kept from who asks."""


def withholds_nothing(_request: Request, _study: str | None) -> frozenset[str]:
    """Show every series to everybody who may call."""
    return frozenset()


def make_router(
    catalogue: Catalogue,
    entities: EntitySearch,
    decoder: Decoder | None = None,
    *,
    withheld: Withheld = withholds_nothing,
) -> APIRouter:
    """Return the routes over what ``catalogue`` holds and ``entities`` finds.

    Who may call them is the caller's matter. ``decoder`` opens what is shown; without one it is
    done here. What ``withheld`` names is not there for who asks.
    """
    decoder = decoder or DecodesHere()
    router = APIRouter(prefix=PREFIX, default_response_class=JSONResponse)
    shown = _Shown(catalogue, withheld)
    _add_retrieval(router, shown, decoder)
    _add_rendering(router, shown, decoder)
    _add_search(router, entities, withheld)
    _add_capabilities(router)
    return router


class _Shown:
    """The catalogue as those who ask may see it."""

    def __init__(self, catalogue: Catalogue, withheld: Withheld) -> None:
        self._catalogue = catalogue
        self._withheld = withheld

    def to(self, request: Request) -> Catalogue:
        """Return the catalogue for a request."""
        return _ShownTo(self._catalogue, functools.partial(self._withheld, request))


class _ShownTo:
    """A catalogue without the series that are kept from somebody."""

    def __init__(self, catalogue: Catalogue, withheld: Callable[[str], frozenset[str]]) -> None:
        self._catalogue = catalogue
        self._withheld = withheld

    def objects(self, study_instance_uid: str) -> Sequence[ArchivedObject]:
        """Return the objects of a study."""
        kept = self._withheld(study_instance_uid)
        found = self._catalogue.objects(study_instance_uid)
        return [each for each in found if each.series_instance_uid not in kept]

    def find(self, sop_instance_uid: str) -> ArchivedObject | None:
        """Return one object, or None."""
        found = self._catalogue.find(sop_instance_uid)
        if found is None or found.series_instance_uid in self._withheld(found.study_instance_uid):
            return None
        return found


def _add_retrieval(router: APIRouter, shown: _Shown, decoder: Decoder) -> None:
    @router.get(_INSTANCE + "/frames/{numbers}")
    def retrieve_frames(
        request: Request, study: str, series: str, instance: str, numbers: str
    ) -> Response:
        found = _one(shown.to(request), study, series, instance)
        wanted = media_types.accepted(media_types.asked(request))
        return frames(found, _numbers(numbers), wanted, decoder)

    @router.get(_INSTANCE + "/bulkdata/{tag}")
    def retrieve_bulk_data(
        request: Request, study: str, series: str, instance: str, tag: str
    ) -> Response:
        found = _one(shown.to(request), study, series, instance)
        wanted = media_types.accepted(media_types.asked(request))
        return bulk_data(found, tag, wanted, decoder)

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
        found = _chosen(shown.to(request), study, series, instance)
        return representing.many((metadata(each, root=root(request)) for each in found), accept)

    @router.get(_STUDY)
    @router.get(_SERIES)
    @router.get(_INSTANCE)
    def retrieve_instances(
        request: Request,
        study: str,
        series: str | None = None,
        instance: str | None = None,
        accept: Accept = None,
    ) -> Response:
        found = _chosen(shown.to(request), study, series, instance)
        wanted = media_types.accepted(accept)
        if wanted and wanted[0].name == ZIP:
            return zipped(found, instance or series or study)
        return instances(found, wanted, decoder)

    @router.get("/wado")
    def retrieve_by_uri(request: Request) -> Response:
        return wado_uri(shown.to(request), request.query_params, decoder)


def _add_rendering(router: APIRouter, shown: _Shown, decoder: Decoder) -> None:
    @router.get(_INSTANCE + "/rendered")
    @router.get(_INSTANCE + "/frames/{numbers}/rendered")
    def retrieve_rendered(
        request: Request,
        study: str,
        series: str,
        instance: str,
        numbers: str = "1",
    ) -> Response:
        media_type = media_types.require(media_types.asked(request), JPEG, PNG)
        rendering = Rendering.from_query(request.query_params)
        found = _one(shown.to(request), study, series, instance)
        return rendered_frames(found.path, _numbers(numbers), media_type, rendering, decoder)

    @router.get(_STUDY + "/rendered")
    @router.get(_SERIES + "/rendered")
    def retrieve_all_rendered(request: Request, study: str, series: str | None = None) -> Response:
        media_type = media_types.require(media_types.asked(request), JPEG, PNG)
        rendering = Rendering.from_query(request.query_params)
        found = _chosen(shown.to(request), study, series, None)
        return rendered_images(found, media_type, rendering, decoder)

    @router.get(_STUDY + "/thumbnail")
    @router.get(_SERIES + "/thumbnail")
    @router.get(_INSTANCE + "/thumbnail")
    def retrieve_thumbnail(
        request: Request, study: str, series: str | None = None, instance: str | None = None
    ) -> Response:
        media_type = media_types.require(media_types.asked(request), JPEG, PNG)
        rendering = Rendering.from_query(request.query_params)
        found = _chosen(shown.to(request), study, series, instance)
        body = thumbnail(found, media_type, rendering, decoder)
        return Response(body, media_type=media_type)

    @router.get(_INSTANCE + "/frames/{numbers}/thumbnail")
    def retrieve_frame_thumbnail(
        request: Request, study: str, series: str, instance: str, numbers: str
    ) -> Response:
        media_type = media_types.require(media_types.asked(request), JPEG, PNG)
        rendering = small(Rendering.from_query(request.query_params))
        found = _one(shown.to(request), study, series, instance)
        return rendered_frames(found.path, _numbers(numbers), media_type, rendering, decoder)


def _add_capabilities(router: APIRouter) -> None:
    @router.options("")
    @router.options("/")
    def capabilities(request: Request) -> Response:
        media_types.require(media_types.asked(request), WADL, "application/xml")
        routes = [each for each in router.routes if isinstance(each, APIRoute)]
        return Response(wadl(root(request), routes, PREFIX), media_type=WADL)


def _add_search(router: APIRouter, entities: EntitySearch, withheld: Withheld) -> None:
    @router.get("/studies")
    def search_studies(request: Request, accept: Accept = None) -> Response:
        return _searched(entities, withheld, Scope(level=Level.STUDY), request, accept)

    @router.get("/series")
    @router.get(_STUDY + "/series")
    def search_series(
        request: Request, study: str | None = None, accept: Accept = None
    ) -> Response:
        return _searched(
            entities, withheld, Scope(level=Level.SERIES, study=study), request, accept
        )

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
        return _searched(entities, withheld, scope, request, accept)


def _searched(
    entities: EntitySearch,
    withheld: Withheld,
    scope: Scope,
    request: Request,
    accept: str | None,
) -> Response:
    service = root(request)
    results = search(
        entities,
        scope,
        request.query_params.multi_items(),
        root=service,
        without=withheld(request, scope.study),
    )
    response = representing.many(results.found, accept)
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
