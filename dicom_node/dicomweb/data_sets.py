"""Data sets of the archive as the DICOM JSON Model (PS3.18 Annex F)."""

import functools
import logging
import math
from pathlib import Path
from typing import Any

from pydicom import DataElement, Dataset
from pydicom.errors import InvalidDicomError

from ai_engine.errors import InflatesTooFarError
from ai_engine.preprocessing.decoding import DECODING_ERRORS
from dicom_node.archive.object_file import read_object
from dicom_node.dicomweb.errors import UnknownResourceError
from dicom_node.query.catalogue import ArchivedObject
from dicom_node.query.json_model import element_in_json

_LOG = logging.getLogger(__name__)
_BINARY = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "UN"})
# A longer binary value travels as bulk data of its own, not within the metadata.
_INLINE_BYTES = 1024
_KEPT_HEADERS = 2048
_FLOATING = frozenset({"DS", "FD", "FL"})
_CHARACTER_SET = "00080005"
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
    """Return an object's attributes, large binary ones as ``BulkDataURI`` below ``root``.

    Raises
    ------
    UnknownResourceError
        When the file is gone, is no DICOM object, or nests its sequences without end.
    """
    try:
        return _described(archived, root)
    except RecursionError as error:
        raise UnknownResourceError(
            "sequences of this object lie too deep in each other to be told as JSON"
        ) from error


def _described(archived: ArchivedObject, root: str) -> JsonDataset:
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
    make_sayable(found)
    return dict(sorted(found.items()))


def make_sayable(dataset: JsonDataset) -> None:
    """Name the character set that the answer is in, and say in words what JSON has no number for.

    The words are those of PS3.18 Section F.2.3, as its implementations have them.
    """
    if _CHARACTER_SET in dataset:
        dataset[_CHARACTER_SET] = {"vr": "CS", "Value": ["ISO_IR 192"]}
    for element in dataset.values():
        values = element.get("Value", ())
        if element.get("vr") == "SQ":
            for item in values:
                make_sayable(item)
        elif element.get("vr") in _FLOATING and not all(map(_is_sayable, values)):
            element["Value"] = [each if _is_sayable(each) else _in_words(each) for each in values]


def _is_sayable(value: Any) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _in_words(value: float) -> str:
    return "NaN" if math.isnan(value) else "inf" if value > 0 else "-inf"


def _encoded(element: DataElement, base: str) -> dict[str, Any] | None:
    if element.VR in _BINARY and element.value and len(element.value) > _INLINE_BYTES and base:
        return {"vr": element.VR, "BulkDataURI": f"{base}/{element.tag:08X}"}
    try:
        return element_in_json(element, _item)
    except (TypeError, ValueError, OverflowError, AttributeError, LookupError):
        # One value that breaks its own representation must not hide the other attributes.
        _LOG.warning("attribute left out of metadata tag=%s vr=%s", element.tag, element.VR)
        return None


def _item(item: Dataset) -> JsonDataset:
    """Return an item of a sequence without those of its attributes that cannot be said."""
    encoded = ((f"{each.tag:08X}", _encoded(each, "")) for each in item)
    return {tag: each for tag, each in encoded if each is not None}
