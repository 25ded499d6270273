"""What a card limits a model to is said of every image outside of it, or refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset

from ai_engine.kinds.limits import age_remarks, refused_by_age
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import read_card, write_card
from ai_engine.library.registry import shipped_weights
from ai_engine.prediction import RefusalReason, Region, RemarkKind
from ai_engine.preprocessing.patient_context import read_patient_context
from ai_engine.preprocessing.radiograph import Radiograph

ADULTS = replace(chest_card(Path()), youngest=18.0)


def of_age(**attributes: str) -> Radiograph:
    header = Dataset()
    for keyword, value in attributes.items():
        setattr(header, keyword, value)
    return Radiograph(
        sop_instance_uid="1.2",
        pixels=np.zeros((8, 8), dtype=np.float32),
        content=Region(left=0, top=0, right=8, bottom=8),
        patient=read_patient_context(header),
    )


@pytest.mark.parametrize(
    ("attributes", "kinds"),
    [
        ({"PatientAge": "003Y"}, [RemarkKind.AGE_OUTSIDE]),
        ({"PatientAge": "018M"}, [RemarkKind.AGE_OUTSIDE]),
        ({"PatientAge": "005D"}, [RemarkKind.AGE_OUTSIDE]),
        ({"PatientBirthDate": "20230105", "StudyDate": "20260301"}, [RemarkKind.AGE_OUTSIDE]),
        ({"PatientAge": "017Y"}, [RemarkKind.AGE_OUTSIDE]),
        ({"PatientAge": "018Y"}, []),
        ({"PatientBirthDate": "20000301", "StudyDate": "20180228"}, [RemarkKind.AGE_OUTSIDE]),
        ({"PatientBirthDate": "20000301", "StudyDate": "20180301"}, []),
        ({"PatientBirthDate": "20080229", "StudyDate": "20260228"}, [RemarkKind.AGE_OUTSIDE]),
        ({"PatientBirthDate": "20080229", "StudyDate": "20260301"}, []),
        ({"PatientAge": "1960", "StudyDate": "20260301"}, [RemarkKind.AGE_UNKNOWN]),
        (
            {"PatientAge": "2020", "PatientBirthDate": "20200105", "StudyDate": "20260301"},
            [RemarkKind.AGE_OUTSIDE],
        ),
        ({"PatientAge": "064Y"}, []),
        ({"PatientBirthDate": "19600105", "StudyDate": "20260301"}, []),
        ({}, [RemarkKind.AGE_UNKNOWN]),
        ({"PatientBirthDate": "20230105"}, [RemarkKind.AGE_UNKNOWN]),
        ({"PatientAge": "999Y"}, [RemarkKind.AGE_UNKNOWN]),
    ],
    ids=str,
)
def test_a_child_or_an_unknown_age_is_said_where_the_card_is_for_adults(
    attributes: dict[str, str], kinds: list[RemarkKind]
) -> None:
    assert [each.kind for each in age_remarks(ADULTS, of_age(**attributes))] == kinds


def test_a_card_without_limits_says_nothing() -> None:
    assert list(age_remarks(chest_card(Path()), of_age())) == []


def test_a_card_for_children_says_it_of_adults() -> None:
    children = replace(chest_card(Path()), oldest=16.0)
    (remark,) = age_remarks(children, of_age(PatientAge="040Y"))
    assert "age in years is above 16" in remark.detail


def test_who_is_of_the_oldest_age_of_a_card_stays_so_until_the_birthday() -> None:
    children = replace(chest_card(Path()), oldest=16.0)
    last = of_age(PatientBirthDate="20100302", StudyDate="20270301")
    next_day = of_age(PatientBirthDate="20100302", StudyDate="20270302")
    assert list(age_remarks(children, last)) == []
    assert len(list(age_remarks(children, next_day))) == 1


def test_a_limit_of_one_year_is_said_without_a_plural() -> None:
    infants_not = replace(chest_card(Path()), youngest=1.0)
    (remark,) = age_remarks(infants_not, of_age(PatientAge="003M"))
    (unknown,) = age_remarks(infants_not, of_age())
    assert "1 years" not in remark.detail + unknown.detail


def test_a_card_may_refuse_other_ages_but_never_unknown_ones() -> None:
    strict = replace(ADULTS, refuses_other_ages=True)
    child, unknown = of_age(PatientAge="003Y"), of_age()
    passed, (refusal,) = refused_by_age(strict, [child, unknown])
    assert passed == [unknown]
    assert refusal.reason is RefusalReason.AGE_OUTSIDE
    assert refused_by_age(ADULTS, [child]) == ([child], [])


def test_limits_are_written_into_a_card_and_read_again(tmp_path: Path) -> None:
    card = replace(ADULTS, folder=tmp_path, oldest=90.0, refuses_other_ages=True)
    write_card(card)
    assert read_card(tmp_path) == card


@pytest.mark.parametrize("version", ["2.0.0", "2.1.0", "4.0.0"])
def test_the_shipped_chest_models_are_for_adults(version: str) -> None:
    assert read_card(shipped_weights() / "chest-radiograph" / version).youngest == 18
