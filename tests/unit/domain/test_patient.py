"""Whose a study is: what makes two patients of what instances say, and what does not."""

from typing import Any

import pytest

from dicom_node.domain.patient import (
    PatientAttribute,
    PatientMarks,
    contradictions,
    is_same_patient,
    marks,
    patients_of,
)

STUDY = "1.2.3"


def said(study: str = STUDY, **changes: Any) -> PatientMarks:
    name = changes.pop("name", "Doe^Jane")
    values = {"patient_id": "4711", "issuer": "", "birth": "19600131", **changes}
    groups = name if isinstance(name, dict) else {"Alphabetic": name}
    return marks(study, name=groups if name else {}, **values)


@pytest.mark.parametrize(
    "other",
    [
        said(patient_id=" 4711 "),
        said(issuer="HOSPITAL A"),
        said(birth="1960.01.31"),
        said(birth=""),
        said(name="DOE^JANE"),
        said(name="Doe Jane"),
        said(name="Jane^Doe"),
        said(name="Doe^Jane^Mary^Dr."),
        said(name="Döe^Jane"),
        said(name=""),
        said(name={"Alphabetic": "Doe^Jane", "Ideographic": "山田^太郎"}),
        said(name={"Ideographic": "山田^太郎"}),
        said(name="山田^太郎"),
        said(name="Doe^J."),
        said(name={"Alphabetic": "Doe^Jane", "Ideographic": "Дое^Джейн"}),
        said(name="ÄãºÃ^±±¾©"),  # GBK, read as Latin 1
        said(name="\ufffd\ufffd^Jane"),
        said(birth="31.01.1960"),
        said(birth="01/31/1960"),
        said(birth="1960"),
        said(birth="196001"),
        said(birth="19600000"),
        said(birth="00000000"),
    ],
)
def test_another_spelling_or_a_missing_value_makes_no_other_patient(other: PatientMarks) -> None:
    assert contradictions(said(), other) == frozenset()


def test_an_umlaut_that_is_written_out_is_the_same_name() -> None:
    assert not contradictions(said(name="Müller^Jörg"), said(name="MUELLER^JOERG"))
    assert contradictions(said(name="Müller^Jörg"), said(name="Miller^Jörg"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Sørensen^Bjørn", "SORENSEN^BJORN"),
        ("Sørensen^Bjørn", "Soerensen^Bjoern"),
        ("Łukasz^Żółć", "LUKASZ^ZOLC"),
        ("Işık^Aydın", "ISIK^AYDIN"),
        ("Æsir^Œdipe", "AESIR^OEDIPE"),
        ("O'Brien^Mary", "OBrien^Mary"),
        ("O’Brien^Mary", "O'BRIEN^MARY"),
        ("Weiß^Ina", "WEISS^INA"),
        ("Smith-Jones^Ann", "Smith Jones^Ann"),
        ("Doe^Jane^^^", "Doe^Jane"),
        ("ＤＯＥ^ＪＡＮＥ", "Doe^Jane"),
    ],
)
def test_letters_that_ascii_lacks_and_apostrophes_make_no_other_patient(
    one: str, other: str
) -> None:
    assert not contradictions(said(name=one), said(name=other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Łukasz^Jan", "Tukasz^Jan"),
        ("Иванов^Иван", "Ivanov^Ivan"),
        ("Doe^Jane", "Doe^K."),
        ("Doe^J", "Doe^K"),
        ("ÄãºÃ^±±¾©", "ÄãºÃ^ÉÏº£"),
        # What Latin 1 has between letters is nobody's wrong character set.
        ("D´Arc^Jane", "Smith^John"),
        ("Gal·la^Jane", "Smith^John"),
        ("Doe\xa0^Jane", "Smith^John"),
        # Nor does a number in a name's place stand for anybody.
        ("4711", "Smith^John"),
    ],
)
def test_another_letter_or_script_in_one_group_waits_for_a_person(one: str, other: str) -> None:
    assert contradictions(said(name=one), said(name=other)) == {PatientAttribute.NAME}


@pytest.mark.parametrize(
    ("other", "attribute"),
    [
        (said(patient_id="4712"), PatientAttribute.ID),
        (said(patient_id="04711"), PatientAttribute.ID),
        (said(patient_id=""), PatientAttribute.ID),
        (said(name="Roe^Richard"), PatientAttribute.NAME),
        (said(name="Doe^John"), PatientAttribute.NAME),
        (said(birth="19600130"), PatientAttribute.BIRTH_DATE),
        (said(birth="1961"), PatientAttribute.BIRTH_DATE),
        (said(birth="19610000"), PatientAttribute.BIRTH_DATE),
    ],
)
def test_another_id_name_or_birth_date_is_another_patient(
    other: PatientMarks, attribute: PatientAttribute
) -> None:
    assert contradictions(said(), other) == {attribute}


def test_the_same_id_of_another_issuer_is_another_patient() -> None:
    differ = contradictions(said(issuer="HOSPITAL A"), said(issuer="HOSPITAL B"))
    assert differ == {PatientAttribute.ISSUER}


def test_years_alone_are_compared_and_told_apart() -> None:
    one, other = said(birth="1960"), said(birth="1961")
    assert contradictions(one, other) == {PatientAttribute.BIRTH_DATE}
    assert one.key != other.key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("D^J", "Doe^Jane"),
        ("Doe", "Doe^Jane"),
        ("Doe^J", "Doe^Jane"),
        ("\ufffd\ufffd^\ufffd", "\ufffd\ufffd^\ufffd"),
    ],
)
def test_whoever_has_no_id_of_their_own_is_the_same_by_the_whole_name_alone(
    one: str, other: str
) -> None:
    """A brother born on the same day may be abbreviated, or be as unreadable, as one is oneself."""
    first, second = (said(patient_id="UNKNOWN", name=name) for name in (one, other))
    assert not is_same_patient("UNKNOWN", first, second)
    full = said(patient_id="UNKNOWN", name="Doe^Jane")
    assert is_same_patient("UNKNOWN", full, said(patient_id="UNKNOWN", name="DOE^JANE"))


def test_the_patient_of_most_instances_comes_first() -> None:
    other = said(patient_id="4712")
    found = patients_of({"1": other, "2": said(), "3": said(name="DOE^JANE"), "4": said()})
    assert [each.sop_instance_uids for each in found] == [("2", "3", "4"), ("1",)]


def test_an_instance_that_says_little_joins_no_two_patients_together() -> None:
    """Without a name and birth date it agrees with both, and belongs to one of them."""
    found = patients_of(
        {"1": said(birth="19600131"), "2": said(birth="19700131"), "3": said(birth="", name="")}
    )
    assert len(found) == 2
    assert sorted(uid for each in found for uid in each.sop_instance_uids) == ["1", "2", "3"]


def test_the_marks_tell_of_no_two_studies_that_their_patient_is_the_same() -> None:
    one, other = said("1.2.3"), said("1.2.4")
    assert not {one.patient_id, one.birth_date, one.key} & {
        other.patient_id,
        other.birth_date,
        other.key,
    }


def test_names_of_one_ideograph_each_are_told_apart() -> None:
    assert not contradictions(said(name="王^伟"), said(name="王^伟"))
    assert contradictions(said(name="王^伟"), said(name="王^芳")) == {PatientAttribute.NAME}


@pytest.mark.parametrize("birth", ["1960", "196001", "19600000", "19600100", "00000000", ""])
def test_a_part_of_a_date_is_no_birth_date(birth: str) -> None:
    assert said(birth=birth).birth_date == ""
    assert bool(said(birth=birth).birth_year) is birth.startswith("1960")
