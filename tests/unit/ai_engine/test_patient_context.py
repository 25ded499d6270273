"""What a header says of patient and beam, and what counts as not said."""

import pytest
from pydicom import Dataset

from ai_engine.preprocessing.patient_context import (
    PatientContext,
    Sex,
    View,
    context_of,
    read_patient_context,
)


def header(**attributes: str) -> Dataset:
    dataset = Dataset()
    for keyword, value in attributes.items():
        dataset.add_new(keyword, "LO", value)  # as a file may hold it: not valid for its own VR
    return dataset


def test_a_whole_header_is_read() -> None:
    found = read_patient_context(header(PatientSex="M", PatientAge="045Y", ViewPosition="AP"))
    assert found == PatientContext(sex=Sex.MALE, age=45, view=View.AP)
    assert found.unknown == ()


@pytest.mark.parametrize(
    ("text", "years"),
    [
        *(("062Y", 62), ("018M", 1.5), ("026W", 0.498), ("073D", 0.2), ("62", 62)),
        *(("Y3", 3), ("03 Y", 3), ("3 years", 3), ("36 Months", 3)),
        *(("45,5Y", 45.5), ("45.5Y", 45.5), ("0045Y", 45), ("1200D", 3.29)),
    ],
)
def test_ages_have_units_and_years_without(text: str, years: float) -> None:
    assert read_patient_context(header(PatientAge=text)).age == pytest.approx(years, abs=0.01)


def test_an_age_that_is_missing_is_taken_from_the_dates() -> None:
    dates = header(PatientBirthDate="19600304", StudyDate="20260304")
    assert read_patient_context(dates).age == pytest.approx(66, abs=0.01)
    assert read_patient_context(header(PatientBirthDate="19600304")).age is None


@pytest.mark.parametrize("born", ["1960-03-04", "1960.03.04", "04.03.1960"])
@pytest.mark.parametrize("taken", ["20260304", "2026-03-04", "2026.03.04"])
def test_a_child_or_an_adult_is_known_by_dates_as_they_are_written_elsewhere(
    born: str, taken: str
) -> None:
    dates = header(PatientBirthDate=born, StudyDate=taken)
    assert read_patient_context(dates).age == pytest.approx(66, abs=0.01)


@pytest.mark.parametrize("born", ["03/04/1960", "1960.13.04", "1960-0304", "1960"])
def test_a_date_that_may_be_meant_otherwise_tells_no_age(born: str) -> None:
    dates = header(PatientBirthDate=born, StudyDate="20260304")
    assert read_patient_context(dates).age is None


@pytest.mark.parametrize(
    ("attributes", "unknown"),
    [
        ({}, ("sex", "age", "view position")),
        ({"PatientSex": "O", "PatientAge": "999Y", "ViewPosition": "LL"},
         ("sex", "age", "view position")),
        ({"PatientSex": "F", "PatientAge": "", "ViewPosition": "PA"}, ("age",)),
        ({"PatientSex": "F", "PatientAge": "050Y", "ViewPosition": ""}, ("view position",)),
        ({"PatientSex": "F", "PatientBirthDate": "2026", "StudyDate": "20260101"},
         ("age", "view position")),
        ({"PatientSex": "F", "PatientBirthDate": "20270101", "StudyDate": "20260101"},
         ("age", "view position")),
    ],
)  # fmt: skip
def test_what_is_missing_or_impossible_is_unknown(
    attributes: dict[str, str], unknown: tuple[str, ...]
) -> None:
    found = read_patient_context(header(**attributes))
    assert found.unknown == unknown
    assert all(0 <= value <= 1 for value in found.values())


def test_a_data_sets_values_follow_the_same_rules() -> None:
    assert context_of(sex="M", age=148.0, view="unknown") == PatientContext(sex=Sex.MALE)
    assert context_of(sex="", age=float("nan"), view="PA") == PatientContext(view=View.PA)
