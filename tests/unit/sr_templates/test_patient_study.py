"""Patient and study modules are copied; invalid values are repaired or left out, and logged."""

import logging
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from sr_templates.patient_study import copy_patient_and_study
from sr_templates.source_attributes import SourceAttributes
from tests.unit.sr_templates.builders import a_source, raw_source


def copied(source: Dataset) -> Dataset:
    target = Dataset()
    copy_patient_and_study(SourceAttributes(source), target)
    return target


def test_patient_and_study_attributes_are_copied_as_they_are() -> None:
    source = a_source()
    target = copied(source)
    for keyword in (
        "PatientID",
        "PatientBirthDate",
        "PatientSex",
        "PatientAge",
        "StudyInstanceUID",
    ):
        assert target[keyword].value == source[keyword].value
    assert target.StudyDescription == "Chest PA"
    assert "Modality" not in target


def test_attributes_that_must_be_there_are_empty_where_the_source_has_none() -> None:
    target = copied(a_source(AccessionNumber=None, PatientBirthDate=None, StudyID=None))
    for keyword in ("AccessionNumber", "PatientBirthDate", "StudyID"):
        assert target[keyword].is_empty


@pytest.mark.parametrize(
    ("keyword", "text", "expected"),
    [
        ("PatientAge", "62", None),
        ("PatientAge", "62Y", "062Y"),
        ("PatientBirthDate", "1960-01-02", "19600102"),
        ("PatientBirthDate", "unknown", None),
        ("PatientSex", "female", "F"),
        ("PatientSex", "X", None),
        ("PatientName", "O'Neill\\Ann^<b>", "O'Neill Ann^<b>"),
        ("AccessionNumber", "A" * 17, None),
        ("StudyTime", "04:15", "0415"),
        ("PatientWeight", "70,5", "70.5"),
        ("PatientSize", "0.00", None),
        ("StudyDescription", "x" * 80, "x" * 64),
    ],
)
def test_an_invalid_value_is_repaired_or_left_out_and_logged_without_being_quoted(
    caplog: pytest.LogCaptureFixture, keyword: str, text: str, expected: str | None
) -> None:
    with caplog.at_level(logging.WARNING):
        target = copied(raw_source(**{keyword: text}))
    value = target.get(keyword)
    assert (str(value) if value not in (None, "") else None) == expected
    assert keyword in caplog.text
    assert text not in caplog.text


def test_valid_values_are_copied_without_a_log_line(caplog: pytest.LogCaptureFixture) -> None:
    copied(a_source())
    assert not caplog.text


@pytest.mark.filterwarnings("ignore:The value length")
def test_an_identifier_is_never_cut_short() -> None:
    assert copied(raw_source(PatientID="9" * 65)).PatientID == "9" * 65
    assert copied(raw_source(AccessionNumber="9" * 17))["AccessionNumber"].is_empty


def test_several_names_of_other_physicians_stay_several() -> None:
    target = copied(raw_source(PhysiciansOfRecord="Roe^A\\Roe^B"))
    assert [str(name) for name in target.PhysiciansOfRecord] == ["Roe^A", "Roe^B"]


def test_an_animals_breed_and_owner_are_there_even_when_unknown() -> None:
    target = copied(a_source(PatientSpeciesDescription="Canis lupus familiaris"))
    for keyword in ("PatientBreedDescription", "ResponsiblePerson", "PatientSexNeutered"):
        assert keyword in target


def test_an_owner_without_a_role_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    animal: dict[str, Any] = {"PatientSpeciesDescription": "Dog", "ResponsiblePerson": "Doe^John"}
    assert not copied(a_source(**animal)).ResponsiblePerson
    assert "ResponsiblePerson" in caplog.text
    owner = copied(a_source(**animal, ResponsiblePersonRole="OWNER"))
    assert str(owner.ResponsiblePerson) == "Doe^John"


def test_clinical_trial_modules_are_copied_whole_or_not_at_all() -> None:
    some = {"ClinicalTrialSponsorName": "Sponsor", "ClinicalTrialProtocolID": "NLST"}
    assert "ClinicalTrialSponsorName" not in copied(a_source(**some))
    whole = copied(a_source(**some, ClinicalTrialSubjectID="101"))
    assert whole.ClinicalTrialSubjectID == "101"
    assert whole["ClinicalTrialSiteName"].is_empty


def test_a_study_said_to_be_de_identified_without_a_method_does_not_say_so() -> None:
    assert "PatientIdentityRemoved" not in copied(a_source(PatientIdentityRemoved="YES"))
    by_method = a_source(PatientIdentityRemoved="YES", DeidentificationMethod="Profile")
    assert copied(by_method).PatientIdentityRemoved == "YES"


def test_a_code_that_is_too_long_is_left_out_and_never_cut() -> None:
    item = Dataset()
    item.CodingSchemeDesignator, item.CodeMeaning = "99SITE", "XR chest"
    source = raw_source(CodeValue="12345678901234567")
    item[Tag("CodeValue")] = source.get_item(Tag("CodeValue"))
    assert "ProcedureCodeSequence" not in copied(a_source(ProcedureCodeSequence=[item]))


def test_incomplete_codes_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    whole, part = Dataset(), Dataset()
    whole.CodeValue, whole.CodingSchemeDesignator, whole.CodeMeaning = "36643-5", "LN", "XR chest"
    part.CodeValue = "36643-5"
    target = copied(a_source(ProcedureCodeSequence=[whole, part]))
    assert [item.CodeMeaning for item in target.ProcedureCodeSequence] == ["XR chest"]
    assert "ProcedureCodeSequence" in caplog.text
