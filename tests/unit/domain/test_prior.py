"""Which earlier studies are compared with a new one."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ai_engine.preprocessing.body_region import BodyRegion
from dicom_node.domain.prior import (
    FoundSeries,
    FoundStudy,
    PatientSaid,
    PriorRule,
    candidates,
    wanted_series,
)

PATIENT = PatientSaid(
    patient_id="P1", issuer="HOSPITAL", birth_date="19600102", name={"Alphabetic": "Doe^Jane"}
)
NEW = FoundStudy(
    study_instance_uid="1.1",
    patient=PATIENT,
    study_date="20260304",
    study_time="101500",
    modalities=frozenset({"DX"}),
    regions=frozenset({BodyRegion.CHEST}),
)
EARLIER = replace(NEW, study_instance_uid="1.2", study_date="20250101")
RULE = PriorRule(number=2)


@pytest.mark.parametrize(
    ("changes", "is_prior"),
    [
        ({}, True),
        ({"modalities": frozenset({"CR", "SR"})}, True),  # the other kind of detector
        ({"modalities": frozenset({"SR"})}, False),
        ({"modalities": frozenset({"CT"})}, False),
        ({"study_date": "20260304", "study_time": "0930"}, True),  # earlier the same day
        ({"study_date": "20260304", "study_time": "110000"}, False),
        ({"study_date": "20260304", "study_time": ""}, False),
        ({"study_date": "20300101"}, False),
        ({"study_date": "20100101"}, False),  # too long ago
        ({"study_date": "last year"}, False),
        ({"study_instance_uid": "1.1"}, False),
        ({"patient": replace(PATIENT, issuer="", name={})}, True),  # an archive that says little
        ({"patient": replace(PATIENT, patient_id="P2")}, False),
        ({"patient": replace(PATIENT, issuer="OTHER")}, False),
        ({"patient": replace(PATIENT, birth_date="19610102")}, False),
        ({"patient": replace(PATIENT, name={"Alphabetic": "Roe^Rita"})}, False),
    ],
)
def test_a_prior_is_an_earlier_study_of_the_same_patient_and_kind(
    changes: dict[str, object], is_prior: bool
) -> None:
    found = replace(EARLIER, **changes)  # type: ignore[arg-type]
    assert bool(candidates(NEW, [found], RULE)) is is_prior


def test_the_newest_come_first_and_each_once() -> None:
    older = replace(EARLIER, study_instance_uid="1.3", study_date="20240101")
    found = candidates(NEW, [older, EARLIER, older], RULE)
    assert [each.study_instance_uid for each in found] == ["1.2", "1.3"]


def test_a_study_without_a_patient_id_has_no_priors() -> None:
    nobody = replace(PATIENT, patient_id=" ")
    new, earlier = (replace(each, patient=nobody) for each in (NEW, EARLIER))
    assert candidates(new, [earlier], RULE) == ()


@pytest.mark.parametrize(
    ("modality", "regions", "is_wanted"),
    [
        ("CR", {BodyRegion.CHEST}, True),
        ("CR", {BodyRegion.HAND}, False),
        ("CR", set(), True),  # its study names none either
        ("PR", {BodyRegion.CHEST}, False),
        ("CT", {BodyRegion.CHEST}, False),
    ],
)
def test_series_of_the_same_kind_and_body_part_are_wanted(
    modality: str, regions: set[BodyRegion], is_wanted: bool
) -> None:
    series = FoundSeries(series_instance_uid="1.2.1", modality=modality, regions=frozenset(regions))
    found = replace(EARLIER, regions=frozenset())
    assert bool(wanted_series(NEW, found, [series], RULE)) is is_wanted


def test_what_a_prior_has_in_common_is_a_setting() -> None:
    rule = replace(RULE, same_modality=False, same_body_part=False, longest=timedelta(days=9000))
    ct = replace(EARLIER, modalities=frozenset({"CT"}), study_date="20100101")
    assert candidates(NEW, [ct], rule) == (ct,)
    head = FoundSeries(
        series_instance_uid="1.2.1", modality="CT", regions=frozenset({BodyRegion.HEAD})
    )
    assert wanted_series(NEW, ct, [head], rule) == (head,)


@pytest.mark.parametrize("patient_id", ["UNKNOWN", "0000", "Неизвестный"])
def test_an_id_that_many_are_given_makes_no_prior_of_another_patients_study(
    patient_id: str,
) -> None:
    found = replace(EARLIER, patient=replace(PATIENT, patient_id=patient_id))
    new = replace(NEW, patient=PatientSaid(patient_id=patient_id))
    assert not candidates(new, [found], RULE)
    same = replace(NEW, patient=replace(PATIENT, patient_id=patient_id))
    assert candidates(same, [found], RULE), "name and birth date are the same, too"
