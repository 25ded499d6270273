"""Which order of a worklist is a study's, and which might be somebody else's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest

from dicom_node.domain.imaging_order import ImagingOrder, Match, WorklistItem, found_order
from dicom_node.domain.subject import Subject
from sr_templates.requested_procedure import RequestedProcedure

STUDY, DAY = "1.2.3", "20260101"
SUBJECT = Subject(
    study_instance_uid=STUDY,
    patient_id="4711",
    issuer_of_patient_id="HOSPITAL",
    patient_name="DOE^JANE",
    patient_birth_date="19700101",
    study_date=DAY,
)
CHEST = RequestedProcedure(
    accession_number="A1", requested_procedure_id="R1", requested_procedure_description="Chest"
)
ITEM = WorklistItem(
    study_instance_uid="1.2.9",
    patient_id="4711",
    issuer_of_patient_id="HOSPITAL",
    patient_name="Doe^Jane^Ann",
    patient_birth_date="19700101",
    modality="DX",
    start_date=DAY,
    procedure=CHEST,
)


@dataclass(frozen=True, slots=True)
class _Worklist:
    items: Sequence[WorklistItem]

    def of_study(self, _study_instance_uid: str) -> Sequence[WorklistItem]:
        return self.items

    def of_patient(self, _patient_id: str, _modality: str, _day: str) -> Sequence[WorklistItem]:
        return self.items


def _found(*items: WorklistItem, subject: Subject = SUBJECT, here: str = "") -> ImagingOrder | None:
    return found_order(_Worklist(items), "RIS", subject, "DX", knows=lambda uid: uid == here)


def test_an_order_is_found_by_patient_modality_and_day() -> None:
    order = _found(ITEM)
    assert order is not None
    assert (order.study_instance_uid, order.match, order.procedure) == (STUDY, Match.PATIENT, CHEST)


@pytest.mark.parametrize(
    "other",
    [
        {"patient_name": "ROE^RICHARD"},
        {"issuer_of_patient_id": "CLINIC"},
        {"patient_birth_date": "19800101"},
        {"patient_id": "4712"},
        {"start_date": "20260102"},
        {"modality": "CT"},
    ],
)
def test_an_order_of_somebody_else_or_of_another_day_is_left_alone(other: dict[str, Any]) -> None:
    assert _found(replace(ITEM, **other)) is None


@pytest.mark.parametrize(
    "other",
    [
        {"patient_id": "4712"},
        {"patient_birth_date": "19800101"},
        {"issuer_of_patient_id": "CLINIC"},
    ],
)
def test_a_study_uid_does_not_make_another_patients_order_ones_own(other: dict[str, Any]) -> None:
    item = replace(ITEM, study_instance_uid=STUDY)
    order = _found(replace(item, patient_name="ДОУ^ДЖЕЙН"))
    assert order is not None, "a name may be written in another script"
    assert order.match is Match.STUDY
    assert _found(replace(item, **other)) is None


def test_images_that_do_not_say_whose_they_are_have_the_order_of_their_study_uid() -> None:
    nobody = replace(SUBJECT, patient_id="", issuer_of_patient_id="", patient_name="")
    assert _found(replace(ITEM, study_instance_uid=STUDY), subject=nobody) is not None
    assert _found(ITEM, subject=nobody) is None


def test_what_is_scheduled_under_a_study_that_is_here_is_that_studys_order() -> None:
    assert _found(ITEM, here=ITEM.study_instance_uid) is None


def test_of_an_order_with_several_procedures_only_what_they_have_in_common_is_said() -> None:
    knee = replace(CHEST, requested_procedure_id="R0", requested_procedure_description="Knee")
    order = _found(ITEM, replace(ITEM, procedure=knee))
    assert order is not None
    assert order.procedure == RequestedProcedure(accession_number="A1")


def test_where_one_of_two_orders_has_no_accession_number_either_may_be_it() -> None:
    unnumbered = replace(ITEM, procedure=RequestedProcedure(accession_number=""))
    assert _found(ITEM, unnumbered) is None
    assert _found(unnumbered) is None


def test_an_order_of_whoever_is_not_known_is_not_that_of_somebody_else_who_is_not() -> None:
    unknown = replace(SUBJECT, patient_id="UNKNOWN", patient_name="", patient_birth_date="")
    known = replace(SUBJECT, patient_id="UNKNOWN")
    item = replace(ITEM, patient_id="UNKNOWN")
    assert _found(item, subject=unknown) is None
    assert _found(item, subject=known) is None, "Jane Ann may be somebody else"
    assert _found(replace(item, patient_name="Doe^Jane"), subject=known) is not None
