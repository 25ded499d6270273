"""What other archives find, read from attributes in the DICOM JSON Model (PS3.18 Annex F).

C-FIND answers are brought into that form, and QIDO-RS answers come in it. Whatever an archive
writes, what cannot be read is taken for absent.
"""

from collections.abc import Mapping
from typing import Any

from dicom_node.domain.header_words import regions_said
from dicom_node.domain.prior import FoundSeries, FoundStudy, patient_said
from dicom_node.domain.retrieval import ListedInstance

_STUDY, _SERIES, _INSTANCE, _CLASS = "0020000D", "0020000E", "00080018", "00080016"
_DATE, _TIME, _DESCRIPTION = "00080020", "00080030", "00081030"
_MODALITIES, _MODALITY = "00080061", "00080060"
_BODY_PART, _SERIES_WORDS = "00180015", ("0008103E", "00181030")
_IN_STUDY, _IN_SERIES = "00201208", "00201209"
Attributes = Mapping[str, Any]


def found_study(attributes: Attributes) -> FoundStudy | None:
    """Return a study as an archive answers it; None where it names no study."""
    uid = _text(attributes, _STUDY)
    if not uid:
        return None
    return FoundStudy(
        study_instance_uid=uid,
        patient=patient_said(attributes),
        study_date=_text(attributes, _DATE),
        study_time=_text(attributes, _TIME),
        modalities=frozenset(_texts(attributes, _MODALITIES)),
        regions=regions_said(_text(attributes, _DESCRIPTION)),
        instances=_count(attributes, _IN_STUDY),
    )


def found_series(attributes: Attributes) -> FoundSeries | None:
    """Return a series as an archive answers it; None where it names no series."""
    uid = _text(attributes, _SERIES)
    if not uid:
        return None
    words = [_text(attributes, each) for each in _SERIES_WORDS]
    return FoundSeries(
        series_instance_uid=uid,
        modality=_text(attributes, _MODALITY),
        regions=regions_said(_text(attributes, _BODY_PART)) or regions_said(*words),
        instances=_count(attributes, _IN_SERIES),
    )


def listed_instance(series: str, attributes: Attributes) -> ListedInstance | None:
    """Return an instance as an archive answers it; None where it does not say which it is."""
    uid, sop_class = _text(attributes, _INSTANCE), _text(attributes, _CLASS)
    if not uid or not sop_class:
        return None
    return ListedInstance(series_instance_uid=series, sop_instance_uid=uid, sop_class_uid=sop_class)


def _texts(attributes: Attributes, tag: str) -> list[str]:
    element = attributes.get(tag)
    values = element.get("Value") if isinstance(element, Mapping) else None
    return [str(each).strip() for each in values] if isinstance(values, list) else []


def _text(attributes: Attributes, tag: str) -> str:
    return next(iter(_texts(attributes, tag)), "")


def _count(attributes: Attributes, tag: str) -> int | None:
    text = _text(attributes, tag)
    return int(text) if text.isdecimal() else None
