"""Data sets of the archive as the DICOM JSON Model (PS3.18 Annex F)."""

import functools
import logging
from pathlib import Path
from typing import Any

from pydicom import DataElement, Dataset
from pydicom.errors import InvalidDicomError

from ai_engine.errors import InflatesTooFarError
from ai_engine.preprocessing.decoding import DECODING_ERRORS
from dicom_node.archive.object_file import read_object
from dicom_node.dicomweb.errors import UnknownResourceError
from dicom_node.query.catalogue import ArchivedObject

_LOG = logging.getLogger(__name__)
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
# A longer binary value travels as bulk data of its own, not within the metadata.
_INLINE_BYTES = 1024
_KEPT_HEADERS = 2048
PIXEL_DATA = "7FE00010"
AVAILABLE_TRANSFER_SYNTAX = "00083002"

JsonDataset = dict[str, dict[str, Any]]


@functools.lru_cache(maxsize=_KEPT_HEADERS)
def header(path: Path) -> Dataset:
    """Return an object's data set up to its pixel data; archived files never change.

    Raises
    ------
    UnknownResourceError
        When the file is gone or is no DICOM object.
    """
    return _read(path, stop_before_pixels=True)


def whole(path: Path) -> Dataset:
    """Return an object's data set with its pixel data.

    Raises
    ------
    UnknownResourceError
        When the file is gone or is no DICOM object.
    """
    return _read(path, stop_before_pixels=False)


def _read(path: Path, *, stop_before_pixels: bool) -> Dataset:
    try:
        return read_object(path, stop_before_pixels=stop_before_pixels)
    except (InvalidDicomError, InflatesTooFarError, *DECODING_ERRORS) as error:
        raise UnknownResourceError(
            "the archive's file cannot be read: `dicom-node doctor` checks the archive"
        ) from error


def metadata(archived: ArchivedObject, *, root: str) -> JsonDataset:
    """Return an object's attributes, large binary ones as ``BulkDataURI`` below ``root``."""
    dataset = header(archived.path)
    base = (
        f"{root}/studies/{archived.study_instance_uid}/series/{archived.series_instance_uid}"
        f"/instances/{archived.sop_instance_uid}/bulkdata"
    )
    found: JsonDataset = {}
    for element in dataset:
        if (encoded := _encoded(element, base)) is not None:
            found[f"{element.tag:08X}"] = encoded
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    found[AVAILABLE_TRANSFER_SYNTAX] = {"vr": "UI", "Value": [syntax]}
    if "Rows" in dataset:
        wide = int(dataset.get("BitsAllocated", 16) or 16) > 8
        vr = "OW" if wide and not dataset.file_meta.TransferSyntaxUID.is_compressed else "OB"
        found[PIXEL_DATA] = {"vr": vr, "BulkDataURI": f"{base}/{PIXEL_DATA}"}
    return dict(sorted(found.items()))


def _encoded(element: DataElement, base: str) -> dict[str, Any] | None:
    if element.VR in _BINARY and element.value and len(element.value) > _INLINE_BYTES and base:
        return {"vr": element.VR, "BulkDataURI": f"{base}/{element.tag:08X}"}
    try:
        encoded: dict[str, Any] = element.to_json_dict(None, bulk_data_threshold=2**31)
    except (TypeError, ValueError, OverflowError, AttributeError):
        # One value that breaks its own representation must not hide the other attributes.
        _LOG.warning("attribute left out of metadata tag=%s vr=%s", element.tag, element.VR)
        return None
    return encoded
