"""A finished result object in another language (docs/adr/0038).

What an object says is said once, in English. Another language is another SOP instance, with a UID
that derives from the first one's (PS3.3 C.12.1): words of the node are replaced, Code Values never.
Code Meaning is annotation for people, and may be a translation (PS3.3 8.3). Words of a person are
left as they were written.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from copy import deepcopy
from functools import partial
from types import MappingProxyType

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from sr_templates import codes
from sr_templates.character_set import CharacterSet, declare
from sr_templates.coded_values import code_value
from sr_templates.file_meta import give_uid
from sr_templates.language.language import Language, LanguageCode, result_language
from sr_templates.rendition import Rendition
from sr_templates.repair import long_string, shortened
from sr_templates.uids import derived_uid

_MEANING = 64
_LINE_END = "\r\n"
# Attributes of one line, 64 characters at most, in which the node speaks.
_LINES = (
    "SeriesDescription",
    "DocumentTitle",
    "ContentDescription",
    "SegmentLabel",
    "DerivationDescription",
)
# The same within sequences, and what a text of several lines says (PS3.3 C.8.20.4, C.10.5, C.10.7,
# C.7.6.16.2.11). A tracking identifier is the report's own, said as it is said there.
_LABELS = (*_LINES, "GraphicLayerDescription", "LUTExplanation", "TrackingID")
_LABELLED_SEQUENCES = (
    "SegmentSequence",
    "GraphicLayerSequence",
    "GraphicAnnotationSequence",
    "TextObjectSequence",
    "GraphicObjectSequence",
    "SharedFunctionalGroupsSequence",
    "RealWorldValueMappingSequence",
    "QuantityDefinitionSequence",
)
_LABELLED_CODES = (
    "SegmentedPropertyCategoryCodeSequence",
    "SegmentedPropertyTypeCodeSequence",
    "AnatomicRegionSequence",
    "MeasurementUnitsCodeSequence",
    "ConceptNameCodeSequence",
    "ConceptCodeSequence",
)
# What sums up a reading, or says how a statement of it came about (with a remark behind a colon).
_COMMENTS = frozenset({codes.COMMENT.value, codes.IMPRESSION.value})
_PARAGRAPHS = ("ImageComments", "SegmentDescription", "UnformattedTextValue")

# What templates of the library of structured reports name (TID 1002, 1003, 4019, 1204).
TEMPLATE_MEANINGS = (
    "Algorithm Name",
    "Algorithm Parameters",
    "Algorithm Version",
    "Device Observer Manufacturer",
    "Device Observer Model Name",
    "Device Observer Name",
    "Device Observer Physical Location During Observation",
    "Device Observer Serial Number",
    "Device Observer UID",
    "Person Observer Name",
    "Person Observer's Organization Name",
    "Real World Value Map used for measurement",
    "Referenced Segment",
    "Source image for segmentation",
    "Source series for segmentation",
    "Volumetric measurement group",
)
LANGUAGES: Mapping[LanguageCode, Code] = MappingProxyType(
    {
        LanguageCode.ENGLISH: codes.ENGLISH_US,
        LanguageCode.RUSSIAN: Code("ru", "RFC5646", "Russian"),
        LanguageCode.KAZAKH: Code("kk", "RFC5646", "Kazakh"),
        LanguageCode.ROMANIAN: Code("ro", "RFC5646", "Romanian"),
        LanguageCode.BELARUSIAN: Code("be", "RFC5646", "Belarusian"),
    }
)
"""CID 5000 Languages: what Language of Content Item and Descendants (TID 1204) says."""


def as_rendition(made: Dataset, rendition: Rendition) -> Dataset:
    """Give an object that was drawn in a rendition its own identity, and its words there.

    Parameters
    ----------
    made
        An object as its template made it: its UID is that of the object that all others get.
    """
    source_set = CharacterSet.of(made)
    _translate(made, result_language(rendition.language.value))
    declare(made, source_set)
    give_uid(made, rendition_uid(str(made.SOPInstanceUID), rendition))
    return made


def labelled(made: Dataset, rendition: Rendition) -> Dataset:
    """Say the labels of a segmentation, presentation state or map in a rendition's language.

    Its contours, pixels and codes stay as they are, and so do its content label and graphic layer:
    they are Code Strings (VR CS), which have no letters but capital Latin ones.

    Parameters
    ----------
    made
        The object as everybody gets it; it is changed.
    """
    source_set = CharacterSet.of(made)
    _label(made, result_language(rendition.language.value))
    declare(made, source_set)
    give_uid(made, rendition_uid(str(made.SOPInstanceUID), rendition))
    return made


def _label(item: Dataset, language: Language) -> None:
    for keyword in _LABELS:
        if item.get(keyword):
            item[keyword].value = long_string(language.said(str(item[keyword].value)))
    for keyword in _PARAGRAPHS:
        if item.get(keyword):
            lines = str(item[keyword].value).split(_LINE_END)
            item[keyword].value = _LINE_END.join(map(language.said, lines))
    for keyword in _LABELLED_CODES:
        _translate_codes(item.get(keyword) or [], language)
    for keyword in _LABELLED_SEQUENCES:
        for each in item.get(keyword) or []:
            _label(each, language)


def translated(report: Dataset, rendition: Rendition) -> Dataset:
    """Return a report, or a selection of key objects, in the language of a rendition."""
    made = deepcopy(report)
    language = result_language(rendition.language.value)
    _translate(made, language)
    say = partial(_of_person, typed=_typed(made), language=language)
    _translate_codes(made.get("ConceptNameCodeSequence") or [], language)
    for item in _items(made):
        _translate_item(item, language)
        if item.get("ValueType") == "TEXT" and item.get("TextValue"):
            item.TextValue = say(item) if _is_of_person(report) else language.said(item.TextValue)
    declare(made, CharacterSet.of(report))
    give_uid(made, rendition_uid(str(report.SOPInstanceUID), rendition))
    return made


def rendition_uid(sop_instance_uid: str, rendition: Rendition) -> str:
    """Return the UID of what stands for an object in a rendition."""
    return derived_uid("rendition", sop_instance_uid, rendition.key)


def _translate(dataset: Dataset, language: Language) -> None:
    for item in (dataset, *(dataset.get("SegmentSequence") or [])):
        for keyword in _LINES:
            if item.get(keyword):
                item[keyword].value = long_string(language.said(str(item[keyword].value)))
        for keyword in _PARAGRAPHS:
            if item.get(keyword):
                item[keyword].value = language.said(str(item[keyword].value))


def _translate_item(item: Dataset, language: Language) -> None:
    name = code_value(item, "ConceptNameCodeSequence")
    _translate_codes(item.get("ConceptNameCodeSequence") or [], language)
    if name == codes.LANGUAGE_OF_CONTENT.value:
        item.ConceptCodeSequence = [codes.code_item(LANGUAGES[language.code])]
    _translate_codes(item.get("ConceptCodeSequence") or [], language)
    for value in item.get("MeasuredValueSequence") or []:
        _translate_codes(value.get("MeasurementUnitsCodeSequence") or [], language)


def _of_person(item: Dataset, *, typed: AbstractSet[int], language: Language) -> str:
    """Say a text of a report of people: what they typed stays as it is, letter by letter."""
    words = str(item.TextValue)
    if id(item) in typed:
        return words
    if code_value(item, "ConceptNameCodeSequence") in _COMMENTS:
        statement, colon, remark = words.partition(": ")
        if item.get("RelationshipType") == "HAS PROPERTIES" and colon:
            return f"{language.said(statement)}{colon}{remark}"
        return language.said(words)
    return language.whole(words)


def _typed(report: Dataset) -> frozenset[int]:
    """Return which items hold nothing but what a person typed, by their identity.

    They are the comment on the whole, behind the sentence that sums up a reading
    (``verified_report``), and the words for a selection (``key_object_selection``).
    """
    found: list[Dataset] = []
    for row in report.get("ContentSequence") or []:
        name = code_value(row, "ConceptNameCodeSequence")
        if name == codes.QUALITATIVE_EVALUATIONS.value:
            texts = [each for each in row.ContentSequence if each.ValueType == "TEXT"]
            found += texts[1:]
        elif name == codes.KEY_OBJECT_DESCRIPTION.value:
            found.append(row)
    return frozenset(map(id, found))


def _translate_codes(sequence: list[Dataset], language: Language) -> None:
    """Give meanings in a language where it has a word for them; values stay (PS3.3 8.3)."""
    for code in sequence:
        meaning = str(code.get("CodeMeaning", ""))
        code.CodeMeaning = shortened(language.whole(meaning), _MEANING)


def _is_of_person(report: Dataset) -> bool:
    """Whether a report or selection is what people said, with remarks that they typed."""
    return (
        report.get("VerificationFlag") == "VERIFIED"
        or bool(report.get("ParticipantSequence"))
        or any(each.ValueType == "PNAME" for each in report.get("ContentSequence") or [])
    )


def _items(parent: Dataset) -> Iterator[Dataset]:
    for item in parent.get("ContentSequence") or []:
        yield item
        yield from _items(item)
