"""Data sets as a client accepts them: in the DICOM JSON Model, or the Native DICOM Model in XML."""

import itertools
from collections.abc import Iterable, Mapping

from fastapi import Response
from fastapi.responses import JSONResponse

from dicom_node.dicomweb import media_types
from dicom_node.dicomweb.data_sets import JsonDataset
from dicom_node.dicomweb.multipart import Part, multipart_related
from dicom_node.dicomweb.native_model import native_model

_TAKEN = (media_types.DICOM_JSON, "application/json", media_types.DICOM_XML)


def many(
    found: Iterable[JsonDataset], accept: str | None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return data sets as one JSON document, or as an XML part for each.

    Raises
    ------
    NotAcceptableError
        The client accepts neither.
    """
    wanted = media_types.require(accept, *_TAKEN)
    if wanted != media_types.DICOM_XML:
        return JSONResponse(list(found), media_type=media_types.DICOM_JSON, headers=headers)
    parts = (Part(content_type=wanted, body=native_model(each)) for each in found)
    first = next(parts, None)
    if first is None:
        return Response(status_code=204, headers=headers)
    answer = multipart_related(itertools.chain([first], parts), part_type=wanted)
    answer.headers.update(headers or {})
    return answer


def one(
    dataset: JsonDataset, accept: str | None, headers: Mapping[str, str] | None = None
) -> Response:
    """Return a data set: in JSON an array of one; in XML a document, or the part of a body.

    Raises
    ------
    NotAcceptableError
        The client accepts none of them.
    """
    wanted, in_parts = media_types.chosen(accept, *_TAKEN)
    if wanted != media_types.DICOM_XML or in_parts:
        return many([dataset], accept, headers)
    return Response(native_model(dataset), media_type=wanted, headers=dict(headers or {}))
