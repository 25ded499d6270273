"""Studies are found by what people remember of a patient."""

import pytest
import sqlalchemy as sa

from dicom_node.persistence.corridor.attribute_tables import STUDY_ATTRIBUTES
from dicom_node.persistence.corridor.attributes import json_text, study_row
from dicom_node.persistence.corridor.subjects import SubjectStore

PATIENTS = {
    "1.1": ("Ivanova^Anna", "P-10", "A77"),
    "1.2": ("Ivanov^Ivan", "P-2", "A78"),
    "1.3": ("Petrov^Ivan", "I-3", ""),
    "1.4": ("van der Berg^Jan", "P-100", "B1"),
    "1.5": ("\u0418\u0432\u0430\u043d\u043e\u0432^\u041f\u0451\u0442\u0440", "", ""),
    "1.6": ("M\u00fcller-L\u00fcdenscheidt^Zo\u00eb", "*", "100%"),
}


@pytest.fixture
def store(engine: sa.Engine) -> SubjectStore:
    rows = [
        study_row(
            uid,
            json_text({"PatientName": name, "PatientID": patient, "AccessionNumber": accession}),
        )
        for uid, (name, patient, accession) in PATIENTS.items()
    ]
    with engine.begin() as connection:
        connection.execute(sa.insert(STUDY_ATTRIBUTES), rows)
    return SubjectStore(engine)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("ivanov", {"1.1", "1.2"}),
        ("Ivanov, Ivan", {"1.2"}),
        ("ivanov^ivan", {"1.2"}),
        ("ivan", {"1.1", "1.2"}),
        ("Jan", {"1.4"}),
        ("jan berg", {"1.4"}),
        ("van der berg", {"1.4"}),
        ("\u0438\u0432\u0430\u043d\u043e\u0432 \u043f", {"1.5"}),
        ("ludenscheidt", {"1.6"}),
        ("P-10", {"1.1", "1.4"}),
        ("p-10", set()),
        ("A7", {"1.1", "1.2"}),
        ("1.3", {"1.3"}),
        ("100%", {"1.6"}),
        ("*", set()),
        ("?ivanov*", {"1.1", "1.2"}),
        ("nobody", set()),
        (" ", set()),
    ],
)
def test_what_words_find(store: SubjectStore, words: str, found: set[str]) -> None:
    assert store.studies_of(words, 100) == found


def test_no_more_than_wanted_and_who_they_are_of(store: SubjectStore) -> None:
    assert len(store.studies_of("ivanov", 1)) == 1
    subjects = store.of({"1.1", "9.9"})
    assert subjects["1.1"].name == "Ivanova, Anna"
    assert subjects["9.9"].name == ""
