"""DICOMweb, for the conformance statement (PS3.2 Annex N: services of PS3.18)."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from dicom_node.configuration.settings import NodeSettings
from dicom_node.dicomweb.errors import (
    BadRequestBodyError,
    BadSearchError,
    DicomWebError,
    NotAcceptableError,
    TooManyError,
    UnknownResourceError,
    UnsupportedMediaTypeError,
)
from dicom_node.dicomweb.media_types import (
    DICOM,
    DICOM_JSON,
    DICOM_XML,
    FRAME_MEDIA_TYPES,
    MULTIPART,
    OCTET_STREAM,
)
from dicom_node.dicomweb.packaged import ZIP
from dicom_node.dicomweb.rendered import JPEG, PNG
from dicom_node.node.statement import name, table, title
from dicom_node.query.information_model import PATIENT_ROOT
from dicom_node.query.keys import ARCHIVE_KEYS

_FILES = f"{MULTIPART} of {DICOM}; {ZIP}"
_PICTURES = f"{JPEG}; {PNG}"
_WORK = f"{DICOM_JSON}; {DICOM_XML}"
_STORED = f"{MULTIPART} of {DICOM}, or of {DICOM_JSON} or {DICOM_XML} and bulk data; {DICOM}"
_DESCRIBED = f"{DICOM_JSON}; {MULTIPART} of {DICOM_XML}"
_PARAMETERS = (
    "limit, offset, includefield, fuzzymatching, emptyvaluematching, multiplevaluematching"
)
_SEARCH = f"{_PARAMETERS}; keys as above"
_STUDY = "/studies/{study}"
_SERIES = f"{_STUDY}/series/{{series}}"
_INSTANCE = f"{_SERIES}/instances/{{instance}}"

# By method and resource: the service, what it takes or gives, and its parameters. A test compares
# these with the routes that are served.
_RENDERING = "window, viewport, quality, annotation, iccprofile"
RESOURCES: Mapping[tuple[str, str], tuple[str, str, str]] = MappingProxyType(
    {
        **{
            ("GET", path): ("QIDO-RS", _DESCRIBED, _SEARCH)
            for path in (
                "/studies",
                "/series",
                "/instances",
                f"{_STUDY}/series",
                f"{_STUDY}/instances",
                f"{_SERIES}/instances",
            )
        },
        **{
            ("GET", path): ("WADO-RS", _FILES, "transfer-syntax of the media type")
            for path in (_STUDY, _SERIES, _INSTANCE)
        },
        **{
            ("GET", f"{path}/metadata"): ("WADO-RS", _DESCRIBED, "")
            for path in (_STUDY, _SERIES, _INSTANCE)
        },
        ("GET", f"{_INSTANCE}/frames/{{numbers}}"): ("WADO-RS", f"{MULTIPART}, below", ""),
        ("GET", f"{_INSTANCE}/bulkdata/{{tag}}"): ("WADO-RS", OCTET_STREAM, ""),
        **{
            ("GET", f"{path}/rendered"): ("WADO-RS", _PICTURES, _RENDERING)
            for path in (_STUDY, _SERIES, _INSTANCE, f"{_INSTANCE}/frames/{{numbers}}")
        },
        **{
            ("GET", f"{path}/thumbnail"): ("WADO-RS", _PICTURES, _RENDERING)
            for path in (_STUDY, _SERIES, _INSTANCE, f"{_INSTANCE}/frames/{{numbers}}")
        },
        ("GET", "/wado"): (
            "WADO-URI",
            f"{DICOM}; {_PICTURES}",
            "contentType, frameNumber, rows, columns, windowCenter, windowWidth, imageQuality, "
            "annotation, iccprofile, transferSyntax",
        ),
        ("POST", "/studies"): ("STOW-RS", _STORED, ""),
        ("POST", _STUDY): ("STOW-RS", _STORED, ""),
        ("GET", "/workitems"): ("UPS-RS", _WORK, f"{_PARAMETERS}; keys of steps"),
        ("POST", "/workitems"): ("UPS-RS", _WORK, "workitem"),
        ("GET", "/workitems/{uid}"): ("UPS-RS", _WORK, ""),
        ("POST", "/workitems/{uid}"): ("UPS-RS", _WORK, "transaction-uid"),
        ("PUT", "/workitems/{uid}/state"): ("UPS-RS", _WORK, ""),
        ("POST", "/workitems/{uid}/cancelrequest"): ("UPS-RS", _WORK, ""),
        ("POST", "/workitems/{uid}/subscribers/{title}"): ("UPS-RS", "", "deletionlock, filter"),
        ("DELETE", "/workitems/{uid}/subscribers/{title}"): ("UPS-RS", "", ""),
        ("POST", "/workitems/{uid}/subscribers/{title}/suspend"): ("UPS-RS", "", ""),
        ("WebSocket", "/subscribers/{title}"): ("UPS-RS", "events, one JSON object each", ""),
        ("OPTIONS", "/"): ("Capabilities", "application/vnd.sun.wadl+xml", ""),
    }
)
_REFUSALS: tuple[tuple[type[DicomWebError], str], ...] = (
    (BadSearchError, "Parameters that cannot be understood"),
    (BadRequestBodyError, "A body that is not what its Content-Type says"),
    (UnknownResourceError, "No such study, series, instance, frame or bulk data"),
    (NotAcceptableError, "No representation that the client accepts"),
    (TooManyError, "More than is answered, or taken, at once"),
    (UnsupportedMediaTypeError, "A body of a kind that is not taken"),
)


def web_services(settings: NodeSettings) -> Iterator[str]:
    """Yield the section of the DICOMweb services."""
    yield from title(3, "3.8 DICOMweb: user agent and origin server")
    yield "As origin server, below `/dicom-web` on the port of the pages"
    yield f"({settings.web.port}), by HTTP or, with a certificate, HTTPS. Keys of searches are"
    yield "those of Section 3.5 with the same matching; names are matched without case and accents."
    yield "With fuzzymatching=true each word of a name's key, in any order, may also begin a word"
    yield "of the name, or sound as one does: Latin words by their consonants, by kind."
    yield from table(
        ("Service", "Method", "Resource", "Media types", "Parameters"),
        [
            (service, method, f"`{path}`", types, parameters)
            for (method, path), (service, types, parameters) in sorted(
                RESOURCES.items(), key=lambda each: (each[1][0], each[0][1], each[0][0])
            )
        ],
    )
    yield ""
    yield f"Searches at the levels {', '.join(level.value for level in PATIENT_ROOT.levels[1:])}"
    yield f"know {len(ARCHIVE_KEYS)} keys. What a client accepts of studies and what is in them may"
    yield "also stand in the parameter `accept`. JSON and XML (the Native DICOM Model: a part for"
    yield "each match or instance, and no content for none) are UTF-8, and name ISO_IR 192. Work"
    yield "items and answers to what was stored are either, too; in XML one alone is a document of"
    yield "its own. Rendered are the first frame of an instance, the frames that are named, and"
    yield "every frame of series and studies. `annotation` writes who is shown (`patient`) and how"
    yield "it was made (`technique`) into the picture, in Latin, Greek and Cyrillic letters;"
    yield "`iccprofile` is `no`, `yes` or `srgb`. `anonymize` and presentation states (optional by"
    yield "PS3.18 Table 9.5.1-1) are refused by the URI service. HEAD is answered wherever GET is."
    yield "Instances come in Explicit VR Little Endian, or as stored for `transfer-syntax=*`."
    yield "Frames come as native pixels, or as stored in:"
    yield from table(
        ("Transfer syntax", "Media type"),
        sorted((name(uid), media_type) for uid, media_type in FRAME_MEDIA_TYPES.items()),
    )
    yield from title(4, "Status codes")
    yield from table(
        ("Code", "Meaning"),
        [
            ("200, 201, 202, 204", "As PS3.18 says of each transaction; 202 of STOW-RS: in part"),
            *((str(error.status), words) for error, words in _REFUSALS),
            ("401, 403", "No token or session; one that does not permit this"),
            ("409", "STOW-RS: nothing was stored; UPS-RS: the step is in another state"),
            ("501", "UPS-RS: nobody can be told by the channel that is asked for"),
            ("503", "As much is taken in, or decoded, as is at once: ask again"),
        ],
    )
    yield ""
    yield "Callers show a bearer token, bound to scopes (`images`, `upload`; for UPS-RS `review`"
    yield "and an AE title), or the session of the pages."
    yield from title(4, "As user agent")
    yield "Results go by STOW-RS (`multipart/related` of `application/dicom`) to destinations with"
    yield "an URL, by HTTP or HTTPS, with a user and password (Basic) or a bearer token. Whether"
    yield "they are there is asked by QIDO-RS where the destination's entry says `--proof find`."
    yield "Priors, and images that a transfer lacks, come from a server where `retrieval.archive`"
    yield "has an URL: searched by QIDO-RS (studies by PatientID and a range of StudyDate, series,"
    yield "instances), got by WADO-RS, one instance a request, in the syntax in which it is kept."
    yield "Redirects are not followed. Bodies are streamed, one request for each delivery."
