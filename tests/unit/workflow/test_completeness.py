"""Signs that images are missing, and what is no sign of it."""

from typing import Any

import pytest

from ai_engine.prediction import RemarkKind
from dicom_node.domain.instance import ReceivedInstance
from dicom_node.domain.performed_step import Announced, SeriesCount, exposure_words
from dicom_node.workflow.analysis.completeness import (
    signs_of_incompleteness,
    signs_of_reports,
)
from tests.unit.builders import an_instance


def a_series(
    *numbers: int, modality: str = "CT", series: str = "1.2.1", **changes: Any
) -> list[ReceivedInstance]:
    return [
        an_instance(
            f"{series}.{number}",
            series_instance_uid=series,
            instance_number=number,
            modality=modality,
            **changes,
        )
        for number in numbers
    ]


def said(study: list[ReceivedInstance], about: list[ReceivedInstance] | None = None) -> list[str]:
    uids = [each.sop_instance_uid for each in (study if about is None else about)]
    found = list(signs_of_incompleteness(study, uids))
    assert all(each.kind is RemarkKind.MAY_BE_INCOMPLETE for each in found)
    return [each.detail for each in found]


@pytest.mark.parametrize("modality", ["CT", "MR", "PT"])
def test_a_gap_in_the_instance_numbers_of_slices_is_a_sign(modality: str) -> None:
    (words,) = said(a_series(*range(1, 41), *range(51, 101), modality=modality))
    assert words == (
        "The study may be incomplete: 10 of the instance numbers 1 to 100 of a series did not come."
    )


@pytest.mark.parametrize("modality", ["CR", "DX", "MG", "US"])
def test_a_radiograph_with_number_2_alone_or_5_beside_2_is_whole(modality: str) -> None:
    assert said(a_series(2, modality=modality)) == []
    assert said(a_series(2, 3, 5, modality=modality)) == []


def test_slices_that_are_numbered_by_twos_or_from_ten_on_are_whole() -> None:
    assert said(a_series(*range(1, 60, 2))) == []
    assert said(a_series(*range(10, 60))) == []


def test_a_missing_slice_among_those_numbered_by_twos_is_a_sign() -> None:
    (words,) = said(a_series(1, 3, 5, 7, 11, 13))
    assert "1 of the instance numbers 1 to 13" in words


def test_numbers_that_count_phases_are_no_sign() -> None:
    assert said(a_series(*range(101, 111), *range(201, 211), *range(301, 311), modality="MR")) == []
    assert said(a_series(*range(101, 151), *range(201, 251))) == []


def test_numbers_given_by_a_scheme_of_its_own_are_no_sign() -> None:
    assert said(a_series(1, 7, 20, 31, 77)) == []


def test_fewer_objects_of_a_series_than_its_archive_had_are_a_sign_for_every_modality() -> None:
    (words,) = said(a_series(1, 2, modality="DX", series_related_instances=3))
    assert words == (
        "The study may be incomplete: 2 objects of a series came, which has 3 by what its images "
        "say."
    )
    assert said(a_series(1, 2, 3, modality="DX", series_related_instances=3)) == []


def test_fewer_objects_of_a_study_than_its_archive_had_are_said_once() -> None:
    study = [
        *a_series(1, series="1.2.1", modality="DX", study_related_instances=5),
        *a_series(1, series="1.2.2", modality="DX", study_related_instances=5),
    ]
    (words,) = said(study)
    assert words == (
        "The study may be incomplete: 2 objects of it came, and it has 5 by what its images say."
    )


def test_a_series_that_nothing_was_asked_of_is_not_spoken_of() -> None:
    analysed = a_series(1, series="1.2.1", modality="DX")
    other = a_series(1, 2, 3, 9, 10, 11, series="1.2.2")
    assert said([*analysed, *other], analysed) == []


def test_what_a_modality_reported_and_did_not_come_is_said() -> None:
    came = a_series(1, 2)
    reported = Announced(
        under_way=True,
        discontinued=("Incorrect worklist entry selected",),
        series=(
            SeriesCount(series_instance_uid="1.2.1", announced=3, missing=1),
            SeriesCount(series_instance_uid="1.2.2", announced=9, missing=9),
        ),
    )
    (remark,) = signs_of_reports(reported, came, [came[0].sop_instance_uid])
    assert remark.kind is RemarkKind.MAY_BE_INCOMPLETE
    assert "has not reported the procedure step as completed" in remark.detail
    assert "because of: Incorrect worklist entry selected" in remark.detail
    assert "1 of 3 objects of a series did not come" in remark.detail
    assert "9 of" not in remark.detail, "series that go to others only are not missed"
    assert list(signs_of_reports(Announced(), came, [came[0].sop_instance_uid])) == []


def test_exposure_is_said_with_its_units() -> None:
    said = {
        "00400301": {"vr": "US", "Value": [2]},
        "0018115E": {"vr": "DS", "Value": [12.5]},
        "0040030E": {"vr": "SQ", "Value": [{"00189345": {"vr": "FD", "Value": [7.1]}}, {}]},
        "00400302": {"vr": "US"},
    }
    assert exposure_words(said) == (
        "exposures 2", "dose area product 12.5 dGy·cm²", "CTDIvol 7.1 mGy"
    )  # fmt: skip
