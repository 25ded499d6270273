"""De-identification by PS3.15 Annex E: the Basic Profile with four of its options.

Table E.1-1 and its actions come from dicom-anonymizer, level by level, so that sequences which the
table keeps are cleaned inside as well. On top of it, as the options ask:

* Retain Longitudinal Temporal Information with Modified Dates: dates are moved, times are kept;
* Retain Patient Characteristics: sex and age, ages from 90 on as 90;
* Clean Structured Content: names and free text of reports are replaced, codes and numbers stay;
* Clean Graphics: overlays and graphic annotations are removed.

Pixels are not searched for text. What says that its annotation is burned in is refused, and so is
what may show a screen, a scan or a device's own text (secondary captures of every class, saved
screens, ultrasound, photographs and endoscopy) and does not say that nothing is burned in.
"""

import functools
import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from dicomanonymizer.simpledicomanonymizer import anonymize_dataset, initialize_actions
from pydicom import DataElement, Dataset
from pydicom.config import IGNORE
from pydicom.dataset import FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.tag import BaseTag
from pydicom.uid import UID

from dicom_node.errors import NodeError
from dicom_node.export.pseudonyms import Pseudonyms

EDITION = "dicomfields_2026c"
"""The edition of Table E.1-1, as dicom-anonymizer names it."""

METHODS = (
    Code("113100", "DCM", "Basic Application Confidentiality Profile"),
    Code("113103", "DCM", "Clean Graphics Option"),
    Code("113104", "DCM", "Clean Structured Content Option"),
    Code("113107", "DCM", "Retain Longitudinal Temporal Information Modified Dates Option"),
    Code("113108", "DCM", "Retain Patient Characteristics Option"),
)

REMOVED = "REMOVED"
OLDEST_AGE = 90

Action = Callable[[Dataset, tuple[int, int]], None]

# Roots of SOP classes (PS3.6 table A-1) whose images often show names and dates: all must say that
# nothing is burned in. Retired classes lie below the same roots.
_TEXT_IS_USUAL = (
    "1.2.840.10008.5.1.4.1.1.7",  # secondary captures, of one frame and of several
    "1.2.840.10008.5.1.4.1.1.3",  # ultrasound of several frames
    "1.2.840.10008.5.1.4.1.1.6",  # ultrasound
    "1.2.840.10008.5.1.4.1.1.77.1",  # visible light: endoscopy, photographs, ophthalmology
    "1.2.840.10008.5.1.1.29",  # what was laid out for film, grayscale
    "1.2.840.10008.5.1.1.30",  # the same in colour
)
# Words of Image Type by which CT and MR devices call saved screens and dose or protocol pages.
_SAVED_SCREEN = ("SCREEN", "REPORT")
_PREAMBLE = b"\0" * 128
_OVERLAYS, _CURVES, _REPEATING = 0x6000, 0x5000, 0xFF00

_STANDARD_UID = re.compile(r"1\.2\.840\.10008(\.(0|[1-9][0-9]*))+")
# What names a kind of thing and never an object; its UIDs may be newer than pydicom's dictionary.
_OF_A_KIND = ("ClassUID", "TransferSyntaxUID", "CodingSchemeUID", "ContextUID", "ResourceUID")
_KEPT = ("PatientSex", "PatientAge", "ContentSequence", "PatientIdentityRemoved")
_EMPTIED = frozenset({"PatientBirthDate", "PatientBirthTime"})
# Text that the node itself writes into a report: who analysed it and which finding an item is.
_OWN_TEXT = frozenset({"111001", "111003", "111002", "112039"})


class NotDeidentifiableError(NodeError):
    """An object that cannot be exported without showing whose it is."""


def deidentified(dataset: Dataset, *, patient_key: str, pseudonyms: Pseudonyms) -> Dataset:
    """De-identify a data set in place; its file meta information is made anew.

    Parameters
    ----------
    dataset
        An image or a structured report, with file meta information.
    patient_key
        Whose it is; decides the pseudonym and how far dates are moved.
    pseudonyms
        What replaces identifiers.

    Raises
    ------
    NotDeidentifiableError
        If identity may be burned into the pixels or lie in their unused bits, or the object is an
        encapsulated document.
    """
    _require_clean_pixels(dataset)
    syntax = dataset.file_meta.TransferSyntaxUID
    age = _capped(str(dataset.get("PatientAge") or ""))
    _clean(dataset, pseudonyms, pseudonyms.shift(patient_key))
    dataset.PatientID = dataset.PatientName = pseudonyms.patient(patient_key)
    dataset.PatientAge = age
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "MODIFIED"
    dataset.DeidentificationMethodCodeSequence = [_item(code) for code in METHODS]
    dataset.preamble = _PREAMBLE  # PS3.10 lets applications write anything there
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _require_clean_pixels(dataset: Dataset) -> None:
    if "EncapsulatedDocument" in dataset:
        raise NotDeidentifiableError("an encapsulated document cannot be searched for names")
    burned_in = str(dataset.get("BurnedInAnnotation") or "").strip().upper()
    if burned_in not in {"", "NO"}:
        raise NotDeidentifiableError("its annotation is burned into the pixels")
    if burned_in != "NO" and (kind := _may_show_text(dataset)):
        raise NotDeidentifiableError(f"{kind} that does not say whether annotation is burned in")
    if any(_in_pixels(dataset, group) for group in _groups(dataset, _OVERLAYS)):
        raise NotDeidentifiableError("an overlay lies in the unused bits of its pixels")


def _may_show_text(dataset: Dataset) -> str:
    """Say what of an image makes text in its pixels likely; "" where nothing does."""
    sop_class = str(dataset.SOPClassUID)
    if any(sop_class == root or sop_class.startswith(f"{root}.") for root in _TEXT_IS_USUAL):
        return f"an object of the class {dataset.SOPClassUID.name}"
    # The SC Equipment Module (PS3.3 C.8.6.1): a scan, a video frame or a workstation's picture.
    if "ConversionType" in dataset:
        return "a converted image"
    image_type = str(dataset.get("ImageType") or "").upper()
    return "a saved screen" if any(word in image_type for word in _SAVED_SCREEN) else ""


def _groups(dataset: Dataset, base: int) -> set[int]:
    """Return those groups of a repeating group that are there; odd ones are private."""
    return {each.tag.group for each in dataset if each.tag.group & _REPEATING == base}


def _in_pixels(dataset: Dataset, group: int) -> bool:
    """Whether an overlay's bits lie in Pixel Data, as they did until 2004 (PS3.5 8.1.2)."""
    allocated, position = (dataset.get((group, number)) for number in (0x0100, 0x0102))
    return any(
        element is not None and int(element.value or least) > least
        for element, least in ((allocated, 1), (position, 0))
    )


def _clean(dataset: Dataset, pseudonyms: Pseudonyms, shift: timedelta) -> None:
    """Clean one level after the levels below it, then what no table names: UIDs and names."""
    _drop_graphics(dataset)
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _clean(item, pseudonyms, shift)
    _clean_text(dataset)
    anonymize_dataset(
        dataset,
        extra_anonymization_rules=_rules(dataset, shift),
        delete_private_tags=True,
        base_rules_gen=functools.partial(_tag_rules, dataset),
    )
    for element in dataset:
        if element.VR == "UI":
            _replace_uids(element, pseudonyms)
        elif element.VR == "PN" and element.value:
            element.value = REMOVED


@functools.cache
def _table() -> dict[tuple[int, ...], Action]:
    actions: dict[tuple[int, ...], Action] = initialize_actions(EDITION)
    return actions


def _drop_graphics(dataset: Dataset) -> None:
    """Remove overlays and curves whole: the table leaves an overlay's label and description."""
    groups = _groups(dataset, _OVERLAYS) | _groups(dataset, _CURVES)
    for tag in [each.tag for each in dataset if each.tag.group in groups]:
        del dataset[tag]
    dataset.pop("GraphicAnnotationSequence", None)


def _tag_rules(dataset: Dataset) -> dict[tuple[int, ...], Action]:
    """The table's actions for what is there: asking for all others would take most of the time."""
    table, present = _table(), (_pair(element.tag) for element in dataset)
    return {tag: table[tag] for tag in present if tag in table}


def _rules(dataset: Dataset, shift: timedelta) -> dict[tuple[int, int], Action]:
    """What differs from the table: the options' actions, for the elements that are there."""
    rules: dict[tuple[int, int], Action] = {}
    # X/Z/U*: sequences that may stay where the UIDs within are replaced, as they are.
    references = dicom_anonymization_database_selector(EDITION)["X_Z_U_STAR_TAGS"]
    for element in dataset:
        if element.VR == "UI" or element.keyword in _KEPT or _pair(element.tag) in references:
            rules[_pair(element.tag)] = _leave
        elif element.VR in {"DA", "DT", "TM"} and element.keyword not in _EMPTIED:
            rules[_pair(element.tag)] = _shifting(shift)
    return rules


def _pair(tag: BaseTag) -> tuple[int, int]:
    return tag.group, tag.element


def _leave(_dataset: Dataset, _tag: tuple[int, int]) -> None:
    """Leave an element as it is: UIDs are replaced afterwards, the others are meant to stay."""


def _shifting(shift: timedelta) -> Action:
    def move(dataset: Dataset, tag: tuple[int, int]) -> None:
        element = dataset.get(tag)
        if element is None or element.VR == "TM" or not element.value:
            return
        values = list(element.value) if element.VM > 1 else [element.value]
        moved = [_moved(str(value), shift) for value in values]
        element.value = moved if len(moved) > 1 else moved[0]

    return move


def _moved(value: str, shift: timedelta) -> str:
    """A DA or DT with its date moved; "" where the date cannot be read or is not a whole one."""
    try:
        day = datetime.strptime(value[:8], "%Y%m%d")  # noqa: DTZ007 - a date without a time
    except ValueError:
        return ""
    return (day - shift).strftime("%Y%m%d") + value[8:]


def _clean_text(item: Dataset) -> None:
    """Replace the free text of an SR content item; other data sets have none to replace."""
    if "ValueType" not in item or "TextValue" not in item:
        return
    concepts = item.get("ConceptNameCodeSequence") or ()
    if not any(concept.get("CodeValue") in _OWN_TEXT for concept in concepts):
        item.TextValue = REMOVED


def _replace_uids(element: DataElement, pseudonyms: Pseudonyms) -> None:
    if not element.value:
        return
    values = list(element.value) if element.VM > 1 else [element.value]
    replaced = [
        value if _is_standard(value, element.keyword) else pseudonyms.uid(value)
        for value in map(str, values)
    ]
    element.value = replaced if len(replaced) > 1 else replaced[0]


def _is_standard(uid: str, keyword: str) -> bool:
    """Whether the Standard gave this UID, so that it says nothing of anybody (PS3.6 Annex A).

    The root alone proves nothing: a sender may put it before a name, or before a path.
    """
    if keyword.endswith(_OF_A_KIND):
        return len(uid) <= 64 and _STANDARD_UID.fullmatch(uid) is not None
    return UID(uid, validation_mode=IGNORE).name != uid  # PS3.6's name, if it has one


def _capped(age: str) -> str:
    """An age string (PS3.5 6.2) with 90 years for all that are older; "" for one that is none."""
    if len(age) != 4 or age[3] not in "DWMY" or not age[:3].isdecimal():
        return ""
    if age[3] == "Y" and int(age[:3]) > OLDEST_AGE:
        return f"{OLDEST_AGE:03d}Y"
    return age


def _item(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = (
        code.value,
        code.scheme_designator,
        code.meaning,
    )
    return item


def walk(dataset: Dataset) -> Iterator[DataElement]:
    """Every element of a data set, at every level."""
    for element in dataset:
        yield element
        if element.VR == "SQ":
            for item in element.value:
                yield from walk(item)
