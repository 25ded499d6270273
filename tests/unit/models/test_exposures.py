"""A raw image and the one that was made of it for reading are one exposure, and are read once."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import DigitalXRayImageStorageForProcessing

from ai_engine.prediction import RemarkKind
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.models.exposures import Exposures, exposures_of
from sr_templates.language.language import LanguageCode, result_language
from tests.unit.builders import an_instance

RAW, SHOWN, OTHER = "1.1", "1.2", "1.3"


def raw(uid: str = RAW, **changes: Any) -> ReceivedInstance:
    return an_instance(uid, presentation_intent="FOR PROCESSING", **changes)


def shown(uid: str = SHOWN, **changes: Any) -> ReceivedInstance:
    return an_instance(uid, presentation_intent="FOR PRESENTATION", **changes)


def _exposures(
    *instances: ReceivedInstance, headers: Mapping[str, Mapping[str, object]] | None = None
) -> Exposures:
    def header(instance: ReceivedInstance) -> Dataset:
        dataset = Dataset()
        for keyword, value in (headers or {}).get(instance.sop_instance_uid, {}).items():
            setattr(dataset, keyword, value)
        return dataset

    return exposures_of(instances, header)


def _left_out(found: Exposures) -> list[str]:
    return [each.sop_instance_uid for each in found.left_out]


def test_the_only_two_of_a_view_are_one_exposure() -> None:
    found = _exposures(raw(), shown())
    assert _left_out(found) == [RAW]
    assert [each.sop_instance_uid for each in found.analysed] == [SHOWN]
    (remark,) = found.remarks
    assert (remark.kind, remark.sop_instance_uid) == (RemarkKind.FOR_PROCESSING, RAW)


@pytest.mark.parametrize("language", [each for each in LanguageCode if each != "en"])
def test_what_is_said_of_the_raw_image_is_said_in_every_language(language: LanguageCode) -> None:
    (remark,) = _exposures(raw(), shown()).remarks
    assert result_language(language).said(remark.detail) != remark.detail


def test_the_sop_class_says_so_too() -> None:
    instance = an_instance(RAW, sop_class_uid=str(DigitalXRayImageStorageForProcessing))
    assert _left_out(_exposures(instance, shown())) == [RAW]


@pytest.mark.parametrize("instances", [(raw(),), (shown(),), (raw(), raw(OTHER))])
def test_images_of_one_kind_are_all_analysed(instances: tuple[ReceivedInstance, ...]) -> None:
    assert _exposures(*instances).analysed == instances


def test_two_views_are_two_exposures() -> None:
    assert _left_out(_exposures(raw(view_position="LL"), shown())) == []


def _source(uid: str) -> dict[str, object]:
    item = Dataset()
    item.ReferencedSOPInstanceUID = uid
    return {"SourceImageSequence": [item]}


def test_the_image_for_presentation_names_what_it_was_made_of() -> None:
    found = _exposures(
        raw(), raw(OTHER), shown(view_position="AP"), headers={SHOWN: _source(OTHER)}
    )
    assert _left_out(found) == [OTHER]


@pytest.mark.parametrize(
    ("keyword", "same", "other"),
    [
        ("IrradiationEventUID", "1.9.1", "1.9.2"),
        ("AcquisitionDateTime", "20260102030405", "20260102030605"),
    ],
)
def test_event_and_time_tell_exposures_apart(keyword: str, same: str, other: str) -> None:
    headers = {RAW: {keyword: same}, OTHER: {keyword: other}, SHOWN: {keyword: same}}
    assert _left_out(_exposures(raw(), raw(OTHER), shown(), headers=headers)) == [RAW]
    assert _left_out(_exposures(raw(OTHER), shown(), headers=headers)) == []


def test_of_several_of_a_view_without_a_time_none_is_left_out() -> None:
    assert _left_out(_exposures(raw(), raw(OTHER), shown())) == []
