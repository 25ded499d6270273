"""Read the identifiers and the light header of a data set, pixels untouched."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydicom.charset import python_encoding

from dicom_node.archive.attributes import query_attributes
from dicom_node.archive.character_sets import encoding_of, stated_terms
from dicom_node.archive.elements import Buffer, Element, EncodedDataset
from dicom_node.domain.header_words import is_human, is_unsaid
from dicom_node.domain.instance import CodedValue, InstanceHeader, QueryAttributes
from dicom_node.domain.reception import IdentifierMissingError, UnreadableDatasetError

_CHARACTER_SET = 0x00080005
_IDENTIFIERS = {
    0x00080016: "SOPClassUID",
    0x00080018: "SOPInstanceUID",
    0x0020000D: "StudyInstanceUID",
    0x0020000E: "SeriesInstanceUID",
}
_REPEATABLE = re.compile(r"[!-\[\]-~]+")  # printable, neither blanks nor several values
_TEXTS = {
    0x00080060: "modality",
    0x00080068: "presentation_intent",
    0x00080070: "manufacturer",
    0x00081030: "study_description",
    0x0008103E: "series_description",
    0x00081090: "manufacturer_model_name",
    0x00102201: "patient_species",
    0x00180015: "body_part_examined",
    0x00181000: "device_serial_number",
    0x00181030: "protocol_name",
    0x00185101: "view_position",
    0x00200060: "laterality",
    0x00200062: "laterality",  # Image Laterality wins over the series' Laterality
    0x00280004: "photometric_interpretation",
}
_INTEGER_STRINGS = {
    0x00200011: "series_number",
    0x00200013: "instance_number",
    0x00201208: "study_related_instances",
    0x00201209: "series_related_instances",
    0x00280008: "number_of_frames",
}
_SHORTS = {0x00280010: "rows", 0x00280011: "columns"}
_CODES = {0x00082218: "anatomic_region", 0x00540220: "view"}
# What is said of animals alone (PS3.3 C.7.1.1): neutered or not, and breed.
_OF_ANIMALS = (0x00102203, 0x00102292)
_ROLE = 0x00102298
_ROLES_FOR_ANIMALS = frozenset({"OWNER", "VETERINARIAN"})  # PS3.3 C.7.1.1.1.2
_BREED_CODE = 0x00102293
_SPECIES_CODE = 0x00102202
_HOMO_SAPIENS = frozenset({"337915000", "L-85B00"})
_IMAGE_TYPE = 0x00080008
_FIRST_ALLOWED = 0x00040000  # PS3.5 Section 7.1: groups 0000 and 0002 have their own places
_LAST_WANTED = max(_CODES)
# (7FE0,0008) and (7FE0,0009) are float and double float pixel data; both byte orders.
_PIXEL_DATA = re.compile(rb"\xe0\x7f[\x08\x09\x10]\x00|\x7f\xe0\x00[\x08\x09\x10]")
_ESCAPE = re.compile(rb"\x1b[\x24\x28\x29\x2d][\x20-\x7e]{1,2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """The identifiers of a data set, and what else the index wants to know of it.

    ``is_whole``: its bytes are elements up to their end, as far as can be seen.
    """

    sop_class_uid: str
    sop_instance_uid: str
    study_instance_uid: str
    series_instance_uid: str
    header: InstanceHeader
    attributes: QueryAttributes
    is_whole: bool = True


def read_header(data: Buffer, transfer_syntax_uid: str) -> Identified:
    """Read identifiers and header from the bytes of a data set.

    A data set that breaks off or goes wrong behind its identifiers is still identified: it can be
    stored, and whoever interprets it later will say what is wrong with it.

    Raises
    ------
    IdentifierMissingError
        SOP Class, SOP Instance, Study or Series Instance UID absent or empty, or of characters by
        which no archive and no result can refer to the object; digits need not make a valid UID.
    UnreadableDatasetError
        The bytes break off, or make no sense, before these were found.
    """
    dataset = EncodedDataset(data, transfer_syntax_uid)
    found: dict[int, Element] = {}
    broken: UnreadableDatasetError | None = None
    position = 0
    try:
        for element in dataset.elements():
            if element.tag > _LAST_WANTED:
                break
            if element.tag < _FIRST_ALLOWED:
                broken = UnreadableDatasetError("a command or File Meta element in the data set")
                break
            found[element.tag] = element
            position = element.end
    except UnreadableDatasetError as error:
        broken = error
    uids = _identifiers(dataset, found, broken)
    return Identified(
        **uids,
        header=_light_header(dataset, found, position),
        attributes=query_attributes(dataset, found),
        is_whole=not dataset.breaks_off(position),
    )


def _identifiers(
    dataset: EncodedDataset, found: dict[int, Element], broken: UnreadableDatasetError | None
) -> dict[str, str]:
    uids = {}
    for tag, keyword in _IDENTIFIERS.items():
        value = dataset.value(found[tag]) if tag in found else b""
        text = value.decode("ascii", "replace").strip(" \0")
        if not text:
            raise broken or IdentifierMissingError(f"{keyword} is absent or empty")
        if not _REPEATABLE.fullmatch(text):
            raise IdentifierMissingError(f"{keyword} holds characters that no UID has")
        uids[_snake(keyword)] = text
    return uids


def _light_header(
    dataset: EncodedDataset, found: dict[int, Element], position: int
) -> InstanceHeader:
    codec = _codec(dataset.value(found[_CHARACTER_SET]) if _CHARACTER_SET in found else b"")
    values: dict[str, Any] = {}
    readers: tuple[tuple[dict[int, str], Callable[[Element], Any]], ...] = (
        (_TEXTS, lambda element: _text(dataset.value(element), codec)),
        (_INTEGER_STRINGS, lambda element: _integer(dataset.value(element))),
        (_SHORTS, lambda element: _short(dataset, element)),
        (_CODES, lambda element: _code(dataset, element, codec)),
    )
    for fields, read in readers:
        for tag, field in fields.items():
            if tag in found and (value := read(found[tag])) is not None:
                values[field] = value
    if "modality" in values:  # compared in many places, and CS has capitals alone (PS3.5 6.2)
        values["modality"] = values["modality"].upper()
    if is_unsaid(values.get("patient_species")) and (species := _species(dataset, found, codec)):
        values["patient_species"] = species
    if _IMAGE_TYPE in found:
        text = dataset.value(found[_IMAGE_TYPE]).decode("ascii", "replace")
        values["image_type"] = tuple(part.strip(" \0") for part in text.split("\\"))
    has_pixels = "rows" in values and (
        dataset.truncated or _PIXEL_DATA.search(dataset.data, position) is not None
    )
    return InstanceHeader(**values, has_pixels=has_pixels)


def _species(dataset: EncodedDataset, found: dict[int, Element], codec: str) -> str | None:
    """Return the species where the description is empty, by its code or by what animals have."""
    if _SPECIES_CODE in found and (code := _code(dataset, found[_SPECIES_CODE], codec)):
        return "Homo sapiens" if code.value in _HOMO_SAPIENS else code.meaning or code.value
    has_breed = _BREED_CODE in found and _code(dataset, found[_BREED_CODE], codec) is not None
    said = [_text(dataset.value(found[tag]), codec) for tag in _OF_ANIMALS if tag in found]
    if has_breed or not all(is_human(each) for each in said):
        return "an animal, by breed or neutering"
    role = _text(dataset.value(found[_ROLE]), codec) if _ROLE in found else None
    if (role or "").upper() in _ROLES_FOR_ANIMALS:
        return "an animal, by its owner"
    return None


def _codec(character_set: bytes) -> str:
    """Return the last codec that Specific Character Set names (PS3.3 Section C.12.1.1.2).

    The last one is the extension, and Python's ISO 2022 codecs follow its escapes by themselves.
    """
    terms = stated_terms(character_set)
    return python_encoding[terms[-1]] if terms else "latin-1"


def _text(value: bytes, codec: str) -> str | None:
    plain = value if codec.startswith("iso2022") else _ESCAPE.sub(b"", value)
    return plain.decode(encoding_of(plain, codec), "replace").strip(" \0") or None


def _integer(value: bytes) -> int | None:
    try:
        return int(value.decode("ascii").strip(" \0"))
    except ValueError:
        return None


def _short(dataset: EncodedDataset, element: Element) -> int | None:
    """A number of 16 bits, or one that a sender has written as text."""
    if element.vr == b"IS":
        return _integer(dataset.value(element))
    return dataset.number(element)


def _code(dataset: EncodedDataset, sequence: Element, codec: str) -> CodedValue | None:
    try:
        parts = {item.tag: dataset.value(item) for item in dataset.first_item(sequence)}
    except UnreadableDatasetError:
        return None
    value = _text(parts.get(0x00080100, b""), "ascii")
    scheme = _text(parts.get(0x00080102, b""), "ascii")
    if value is None or scheme is None:
        return None
    meaning = _text(parts.get(0x00080104, b""), codec) or ""
    return CodedValue(value=value, scheme=scheme, meaning=meaning)


def _snake(keyword: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=SOP)(?=[CI])", "_", keyword).lower()
