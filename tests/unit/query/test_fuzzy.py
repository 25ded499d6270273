"""Names found by their words and their sound (fuzzy matching, PS3.18 Section 8.3.4.2)."""

import pytest
from pydicom.dataset import Dataset

from dicom_node.query.errors import UnusableQueryError
from dicom_node.query.folding import stems
from dicom_node.query.matching import DatasetEntity, matches
from dicom_node.query.reading import Rules, read_identifier

FUZZY = Rules(fuzzy=True)


def dataset(**values: str) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def is_found(name: str, key: str) -> bool:
    keys = read_identifier(dataset(PatientName=key), FUZZY).keys
    return matches(DatasetEntity(dataset(PatientName=name)), keys)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Smith^Anna Maria", "maria smi"),
        ("O'Brien^Pat", "obrien"),
        ("O'Brien^Pat", "brien"),
        ("Schmidt^Eva", "Smit"),
        ("Meyer^Ida", "Mayr"),
    ],
)
def test_a_name_is_found_by_how_words_begin_and_sound(name: str, key: str) -> None:
    assert is_found(name, key)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("Smith^Anna", "anna jones"),  # every word must be there
        ("Adams^Eve", "Dams"),  # a vowel that leads is heard
        ("Lee^Ann", "Lahu"),  # one consonant is no sound
        ("Smith^Anna", "---"),
    ],
)
def test_what_is_only_a_little_alike_is_not(name: str, key: str) -> None:
    assert not is_found(name, key)


def test_wildcards_within_words_are_meant_literally() -> None:
    assert stems("sm?th") == stems("s*th") == ()
    assert stems("smith*") == stems("smith")


def test_other_values_than_names_are_not_alike() -> None:
    keys = read_identifier(dataset(StudyDescription="ches"), FUZZY).keys
    assert [each.fuzzy for each in keys] == [False]


@pytest.mark.parametrize("wanted", ["1.2.*", "1.2.?"])
def test_no_uid_has_wildcards(wanted: str) -> None:
    with pytest.raises(UnusableQueryError, match="VR UI"):
        read_identifier(dataset(StudyInstanceUID=wanted))
