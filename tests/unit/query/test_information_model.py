"""What a C-FIND and a C-MOVE may ask for at each level, and what an answer holds."""

from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicom_node.query.errors import UnusableQueryError
from dicom_node.query.information_model import (
    PATIENT_ROOT,
    STUDY_ROOT,
    InformationModel,
    find_answer,
    read_find,
    read_retrieve,
)
from dicom_node.query.keys import Level


def asked(level: str, **keys: Any) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return identifier


def test_the_levels_of_a_root_are_its_own() -> None:
    assert read_find(asked("PATIENT"), PATIENT_ROOT).level is Level.PATIENT
    assert read_find(asked("STUDY "), STUDY_ROOT).level is Level.STUDY
    for level in ("PATIENT", "", "study"):
        with pytest.raises(UnusableQueryError, match="Study Root is one of STUDY, SERIES, IMAGE"):
            read_find(asked(level), STUDY_ROOT)


@pytest.mark.parametrize(
    ("model", "identifier", "needed"),
    [
        (PATIENT_ROOT, asked("STUDY"), "PatientID"),
        (PATIENT_ROOT, asked("STUDY", PatientID="P*"), "PatientID"),
        (PATIENT_ROOT, asked("SERIES", PatientID="P1"), "StudyInstanceUID"),
        (STUDY_ROOT, asked("SERIES"), "StudyInstanceUID"),
        (STUDY_ROOT, asked("SERIES", StudyInstanceUID=["1.1", "1.2"]), "StudyInstanceUID"),
        (STUDY_ROOT, asked("IMAGE", StudyInstanceUID="1.1"), "SeriesInstanceUID"),
    ],
)
def test_each_level_above_is_named_by_one_value(
    model: InformationModel, identifier: Dataset, needed: str
) -> None:
    for read in (read_find, read_retrieve):
        with pytest.raises(UnusableQueryError, match=f"one {needed} is needed at the level"):
            read(identifier, model)


def test_a_key_that_the_level_lacks_asks_for_nothing_and_is_told() -> None:
    whole = read_find(asked("STUDY", PatientID="P1"), STUDY_ROOT)
    assert whole.is_whole
    part = read_find(asked("STUDY", PatientID="P1", SliceThickness="1"), STUDY_ROOT)
    assert not part.is_whole
    assert [key.tag for key in part.query.keys] == [key.tag for key in whole.query.keys]
    assert "SliceThickness" not in part.query.asked


def test_an_answer_holds_what_was_asked_for_and_where_it_is_had() -> None:
    request = read_find(asked("STUDY", PatientID="P1", StudyDescription=""), STUDY_ROOT)
    entity: dict[str, dict[str, Any]] = {
        "0020000D": {"vr": "UI", "Value": ["1.1"]},
        "00100020": {"vr": "LO", "Value": ["P1"]},
        "00080060": {"vr": "CS", "Value": ["CT"]},
    }
    answer = find_answer(entity, request, ae_title="AINODE")
    assert answer.StudyInstanceUID == "1.1", "the unique key, though it was not asked for"
    assert answer.PatientID == "P1"
    assert answer["StudyDescription"].is_empty
    assert "Modality" not in answer
    assert answer.QueryRetrieveLevel == "STUDY"
    assert (answer.RetrieveAETitle, answer.InstanceAvailability) == ("AINODE", "ONLINE")
    assert "SpecificCharacterSet" not in answer


def test_an_answer_beyond_ascii_says_its_character_set() -> None:
    request = read_find(asked("STUDY", PatientName=""), STUDY_ROOT)
    entity: dict[str, dict[str, Any]] = {
        "0020000D": {"vr": "UI", "Value": ["1.1"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Ştefan^Ana"}]},
    }
    answer = find_answer(entity, request, ae_title="AINODE")
    assert answer.SpecificCharacterSet == "ISO_IR 192"


def test_what_is_retrieved_is_named_at_its_level() -> None:
    several = asked("STUDY", StudyInstanceUID=["1.1", "1.2"])
    request = read_retrieve(several, STUDY_ROOT)
    assert request.of(Level.STUDY) == ("1.1", "1.2")
    assert request.of(Level.SERIES) == ()
    for nameless in (asked("STUDY"), asked("STUDY", StudyInstanceUID="1.*")):
        with pytest.raises(UnusableQueryError, match="StudyInstanceUID is needed"):
            read_retrieve(nameless, STUDY_ROOT)
    with pytest.raises(UnusableQueryError, match="one patient"):
        read_retrieve(asked("PATIENT", PatientID=["P1", "P2"]), PATIENT_ROOT)
