"""Who a study is of, as people write it."""

import pytest

from dicom_node.domain.subject import Age, AgeUnit, Subject


@pytest.mark.parametrize(
    ("born", "taken", "stated", "age"),
    [
        ("19700301", "20260228", "", Age(count=55, unit=AgeUnit.YEARS)),
        ("19700228", "20260228", "", Age(count=56, unit=AgeUnit.YEARS)),
        ("20240229", "20260228", "", Age(count=23, unit=AgeUnit.MONTHS)),
        ("20260101", "20260228", "", Age(count=58, unit=AgeUnit.DAYS)),
        ("20260228", "20260101", "017Y", Age(count=17, unit=AgeUnit.YEARS)),
        ("", "20260101", "003W", Age(count=3, unit=AgeUnit.WEEKS)),
        ("19701332", "20260101", "", None),
        ("19700301", "20260228", "012Y", None),
        ("19700301", "20260228", "054Y", Age(count=55, unit=AgeUnit.YEARS)),
        ("18700301", "20260228", "", None),
        ("", "", "17Y", None),
        ("", "", "ABCY", None),
    ],
)
def test_age_at_the_study(born: str, taken: str, stated: str, age: Age | None) -> None:
    subject = Subject(
        study_instance_uid="1.2",
        patient_birth_date=born,
        study_date=taken,
        patient_age=stated,
    )
    assert subject.age == age


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Ivanova^Anna^Petrovna", "Ivanova, Anna Petrovna"),
        ("Cher", "Cher"),
        ("^Anna", "Anna"),
        ("Yamada^Tarou=\u5c71\u7530^\u592a\u90ce", "Yamada, Tarou"),
        ("=\u5c71\u7530^\u592a\u90ce", "\u5c71\u7530, \u592a\u90ce"),
        ("", ""),
    ],
)
def test_names_as_people_write_them(written: str, name: str) -> None:
    assert Subject(study_instance_uid="1.2", patient_name=written).name == name
