"""De-identification by PS3.15 Annex E: the Basic Profile with four of its options.

Table E.1-1 and its actions come from dicom-anonymizer, level by level, so that sequences which the
table keeps are cleaned inside as well. On top of it, as the options ask:

* Retain Longitudinal Temporal Information with Modified Dates: dates are moved, times are kept;
* Retain Patient Characteristics: sex and age, ages from 90 on as 90;
* Clean Structured Content: names and free text of reports are replaced, codes and numbers stay;
* Clean Graphics: overlays and graphic annotations are removed.

Pixels are not searched for text. What says that its annotation is burned in, or is a capture that
does not say it is not, is refused.
"""

import functools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from dicomanonymizer.dicomfields_selector import dicom_anonymization_database_selector
from dicomanonymizer.simpledicomanonymizer import anonymize_dataset, initialize_actions
from pydicom import DataElement, Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.tag import BaseTag
from pydicom.uid import SecondaryCaptureImageStorage

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

_STANDARD_UIDS = "1.2.840.10008."
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
        If identity may be burned into the pixels, or the object is an encapsulated document.
    """
    _require_clean_pixels(dataset)
    syntax = dataset.file_meta.TransferSyntaxUID
    age = _capped(str(dataset.get("PatientAge") or ""))
    # Overlays and curves: rules for groups of tags look at every level by themselves.
    anonymize_dataset(dataset, delete_private_tags=False, base_rules_gen=_group_rules)
    _clean(dataset, pseudonyms, pseudonyms.shift(patient_key))
    dataset.PatientID = dataset.PatientName = pseudonyms.patient(patient_key)
    dataset.PatientAge = age
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "MODIFIED"
    dataset.DeidentificationMethodCodeSequence = [_item(code) for code in METHODS]
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    return dataset


def _require_clean_pixels(dataset: Dataset) -> None:
    if "EncapsulatedDocument" in dataset:
        raise NotDeidentifiableError("an encapsulated document cannot be searched for names")
    burned_in = str(dataset.get("BurnedInAnnotation") or "")
    if burned_in == "YES":
        raise NotDeidentifiableError("its annotation is burned into the pixels")
    if dataset.SOPClassUID == SecondaryCaptureImageStorage and burned_in != "NO":
        raise NotDeidentifiableError(
            "a secondary capture that does not say whether annotation is burned in"
        )


def _clean(dataset: Dataset, pseudonyms: Pseudonyms, shift: timedelta) -> None:
    """Clean one level after the levels below it, then what no table names: UIDs and names."""
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


def _group_rules() -> dict[tuple[int, ...], Action]:
    return {tag: action for tag, action in _table().items() if len(tag) > 2}


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
    replaced = [_replaced(str(value), pseudonyms) for value in values]
    element.value = replaced if len(replaced) > 1 else replaced[0]


def _replaced(uid: str, pseudonyms: Pseudonyms) -> str:
    return uid if uid.startswith(_STANDARD_UIDS) else pseudonyms.uid(uid)


def _capped(age: str) -> str:
    """An age string (PS3.5 6.2) with 90 years for all that are older; "" for one that is none."""
    if len(age) != 4 or age[3] not in "DWMY" or not age[:3].isdigit():
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
