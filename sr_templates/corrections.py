"""What results had to leave out, repair or repeat of a header: said in words, without values."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from pydicom.datadict import dictionary_description, dictionary_has_tag, dictionary_VR
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from ai_engine.prediction import Remark, RemarkKind
from sr_templates.patient_study import FILED_BY, copy_patient_and_study
from sr_templates.repair import is_uid, repaired
from sr_templates.source_attributes import SourceAttributes
from sr_templates.source_image import IDENTITY, uid_of

_MOST_NAMES = 8
"""Attributes named in one sentence on value representations: a data set may have none at all."""


def correction_remarks(
    sources: Iterable[Dataset], mended: Mapping[str, tuple[str, ...]] = MappingProxyType({})
) -> tuple[Remark, ...]:
    """Say what is not valid in the headers that results are made from, once for all alike.

    Patient and study are the same in a whole series, so one image of each series is asked.
    ``mended`` are `representations` of single images, by SOP Instance UID.
    """
    first: dict[str, Dataset] = {}
    for source in sources:
        first.setdefault(uid_of(source, "SeriesInstanceUID"), source)
    said: dict[str, str] = {}
    for source in first.values():
        if words := " ".join(corrections(source)):
            said.setdefault(words, uid_of(source, "SOPInstanceUID"))
    for uid, sentences in mended.items():
        said.setdefault(" ".join(sentences), uid)
    return tuple(
        Remark(kind=RemarkKind.HEADER_VALUES, sop_instance_uid=uid, detail=words)
        for words, uid in said.items()
    )


def corrections(source: Dataset) -> Iterator[str]:
    """Yield a sentence for each thing that results do not copy as it is, or that is not valid."""
    attributes = SourceAttributes(source)
    copy_patient_and_study(attributes, Dataset())
    if attributes.left_out:
        yield f"Not valid in the images and left out here: {_names(attributes.left_out)}."
    if attributes.repaired:
        yield f"Not valid in the images and repaired here: {_names(attributes.repaired)}."
    if repeated := {*_invalid_identifiers(attributes), *_invalid_uids(source)}:
        yield (
            f"Not valid in the images and repeated as it stands, so that this result is filed with "
            f"them: {_names(repeated)}."
        )
    if attributes.character_set.is_corrected:
        yield (
            "The images state another character set than their text is written in: it was read by "
            "its bytes, and names may be spelt wrongly."
        )
    if attributes.character_set.is_doubted:
        yield (
            "The images do not say in which character set their text is written, or not rightly: "
            "names may be spelt wrongly."
        )


def representations(read: Iterable[int], emptied: Iterable[int]) -> Iterator[str]:
    """Yield a sentence for the elements that were not read as the images state them.

    Parameters
    ----------
    read
        Tags whose value representation is none, or not the value's: read by the data dictionary.
    emptied
        Tags whose value is none that the attribute can have: they count as empty.
    """
    if names := _first_names(read):
        yield (
            "The value representation that the images state is none, or not that of the value; "
            f"read by the Standard's data dictionary: {names}."
        )
    if names := _first_names(emptied):
        yield f"The value is none that the attribute can have, and counts as empty: {names}."


def _first_names(numbers: Iterable[int]) -> str:
    tags = sorted(set(numbers))
    if len(tags) <= _MOST_NAMES:
        return _names(tags)
    return f"{_names(tags[:_MOST_NAMES])} (+{len(tags) - _MOST_NAMES})"


def _invalid_identifiers(attributes: SourceAttributes) -> Iterator[str]:
    for keyword in FILED_BY:
        text = attributes.as_it_stands(keyword)
        is_valid = "\\" not in text and repaired("LO", text) == text
        if text and dictionary_VR(Tag(keyword)) != "UI" and not is_valid:
            yield keyword


def _invalid_uids(source: Dataset) -> Iterator[str]:
    return (keyword for keyword in IDENTITY if not is_uid(uid_of(source, keyword)))


def _names(keywords: Iterable[str | int]) -> str:
    """Name attributes as the Standard does: Accession Number (0008,0050)."""
    return ", ".join(_name(tag) for tag in sorted(Tag(keyword) for keyword in keywords))


def _name(tag: BaseTag) -> str:
    number = f"({tag.group:04X},{tag.element:04X})"
    return f"{dictionary_description(tag)} {number}" if dictionary_has_tag(tag) else number
