"""The URI service (WADO-URI, PS3.18 Chapter 9): one object by query parameters."""

from collections.abc import Mapping
from dataclasses import replace

from fastapi import Response

from dicom_node.dicomweb.decoding import Decoder
from dicom_node.dicomweb.errors import BadSearchError, NotAcceptableError, UnknownResourceError
from dicom_node.dicomweb.media_types import DICOM, Accepted
from dicom_node.dicomweb.rendered import JPEG, PNG, Rendering, read_share
from dicom_node.dicomweb.retrieve import instances
from dicom_node.query.catalogue import ArchivedObject, Catalogue

# What would change what is seen; optional for a server (PS3.18 Table 9.5.1-1).
_NOT_DRAWN = ("presentationUID", "presentationSeriesUID")


def wado_uri(catalogue: Catalogue, query: Mapping[str, str], decoder: Decoder) -> Response:
    """Return the object that a query names: rendered, or as a DICOM file.

    Raises
    ------
    DicomWebError
        The query names none, or asks for what cannot be given.
    """
    if query.get("requestType") != "WADO":
        raise BadSearchError("requestType is WADO")
    if query.get("anonymize"):  # who asks for no names must not be given them without a word
        raise BadSearchError("objects are not de-identified here: leave anonymize out")
    if left := [name for name in _NOT_DRAWN if query.get(name)]:
        raise BadSearchError(f"{', '.join(left)}: not served here, and nothing is left out unsaid")
    found = _object(catalogue, query)
    wanted = [part.split(";")[0].strip() for part in query.get("contentType", JPEG).split(",")]
    if wanted[0] == DICOM:
        syntax = query.get("transferSyntax", "")
        return instances([found], [Accepted(name=DICOM, transfer_syntax=syntax)], decoder)
    media_type = next((each for each in wanted if each in (JPEG, PNG)), None)
    if media_type is None:
        raise NotAcceptableError(f"contentType is {DICOM}, {JPEG} or {PNG}")
    body = decoder.rendered(found.path, _number(query), media_type, _rendering(query))
    return Response(body, media_type=media_type)


def _object(catalogue: Catalogue, query: Mapping[str, str]) -> ArchivedObject:
    names = ("studyUID", "seriesUID", "objectUID")
    if missing := [name for name in names if not query.get(name)]:
        raise BadSearchError(f"{', '.join(missing)}: not given")
    study, series, instance = (query[name] for name in names)
    found = catalogue.find(instance)
    if found is None or (found.study_instance_uid, found.series_instance_uid) != (study, series):
        raise UnknownResourceError("no such object is in the archive")
    return found


def _number(query: Mapping[str, str]) -> int:
    text = query.get("frameNumber", "1")
    if not (text.isascii() and text.isdecimal() and 0 < len(text) < 10):
        raise BadSearchError("frameNumber is a number from 1")
    return int(text)


def _rendering(query: Mapping[str, str]) -> Rendering:
    """Read the parameters of the URI service as those of the rendered resources of WADO-RS."""
    asked = {name: query[name] for name in ("annotation", "iccprofile") if name in query}
    if "imageAnnotation" in query:  # as later editions call it
        asked["annotation"] = query["imageAnnotation"]
    if "imageQuality" in query:
        asked["quality"] = query["imageQuality"]
    if "windowCenter" in query or "windowWidth" in query:
        asked["window"] = f"{query.get('windowCenter', '')},{query.get('windowWidth', '')}"
    if "rows" in query or "columns" in query:
        columns, rows = query.get("columns", "8192"), query.get("rows", "8192")
        asked["viewport"] = f"{columns},{rows}"
    share = read_share(query["region"]) if query.get("region") else None
    return replace(Rendering.from_query(asked), share=share)
