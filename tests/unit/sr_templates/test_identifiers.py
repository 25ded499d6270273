"""What identifies the images is repeated as it stands; all else that is not valid is told."""

import io
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from ai_engine.prediction import Prediction, RemarkKind
from sr_templates.corrections import correction_remarks, corrections
from sr_templates.key_object_selection import build_key_object_selection
from sr_templates.measurement_report import build_measurement_report
from sr_templates.secondary_capture import build_overlays
from sr_templates.segmentation import build_segmentation
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import (
    a_context,
    a_prediction,
    a_source,
    an_image,
    raw_source,
    some_pixels,
)

# The node sets pydicom to take values as they are; here it warns of those that are not valid.
pytestmark = pytest.mark.filterwarnings("ignore:.*(Invalid value for VR|exceeds the maximum)")
ODD_STUDY = "1.2.826.0.01.7"
ODD = {
    "StudyInstanceUID": ODD_STUDY,
    "SeriesInstanceUID": "1.2.826.0.01.7.001",
    "SOPInstanceUID": "1.2.826.0.01.7.001.1",
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsStored": 8,
}


def _about(source: Dataset) -> Prediction:
    return a_prediction(an_image(uid=str(source.SOPInstanceUID)))


def _written(dataset: Dataset) -> Dataset:
    buffer = io.BytesIO()
    dataset.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return dcmread(buffer)


def _report(source: Dataset) -> Dataset:
    remarks = correction_remarks([source])
    prediction = a_prediction(an_image(uid=str(source.SOPInstanceUID)), remarks=remarks)
    return _written(build_measurement_report(prediction, [source], a_context()))


def _words(report: Dataset) -> str:
    return "; ".join(str(each.value) for each in report.iterall() if each.VR == "UT")


@pytest.mark.parametrize("kind", ["report", "overlay", "segmentation", "key objects"])
def test_uids_with_leading_zeros_are_referenced_as_they_stand_in_a_result_that_passes(
    kind: str,
) -> None:
    source = a_source(**ODD)
    made = {
        "report": lambda: [build_measurement_report(_about(source), [source], a_context())],
        "overlay": lambda: build_overlays(_about(source), source, some_pixels(), a_context()),
        "segmentation": lambda: build_segmentation(_about(source), source, a_context()),
        "key objects": lambda: build_key_object_selection(_about(source), [source], a_context()),
    }[kind]()
    assert made
    for each in made:
        assert problems(each, [source]) == ()
        assert each.StudyInstanceUID == ODD_STUDY
        assert str(each.SOPInstanceUID).startswith("2.25.")
        assert str(each.SeriesInstanceUID).startswith("2.25.")
        uids = {str(element.value) for element in each.iterall() if element.VR == "UI"}
        assert ODD["SOPInstanceUID"] in uids


def test_an_invalid_uid_that_is_not_the_sources_is_held() -> None:
    source = a_source(**ODD)
    report = build_measurement_report(_about(source), [source], a_context())
    report.SeriesInstanceUID = "1.02.3"
    assert problems(report, [source]) == ("Series Instance UID (0020,000E) is not a valid UID",)
    report = build_measurement_report(_about(source), [source], a_context())
    report.SOPInstanceUID = ODD["SOPInstanceUID"]
    assert problems(report, [source]) == ("SOP Instance UID (0008,0018) is not a valid UID",)


def test_a_result_says_that_it_repeats_invalid_uids() -> None:
    text = _words(_report(a_source(**ODD)))
    assert "repeated as it stands" in text
    assert "Study Instance UID (0020,000D)" in text


def test_an_accession_number_of_20_characters_is_left_out_and_told() -> None:
    source = a_source(AccessionNumber="A" * 20)
    report = _report(source)
    assert report.AccessionNumber in ("", None)
    assert "left out here: Accession Number (0008,0050)." in _words(report)
    assert "A" * 20 not in _words(report)
    assert problems(report, [source]) == ()


@pytest.mark.parametrize("patient_id", ["9" * 80, "A\\B"])
def test_a_patient_id_that_is_not_valid_is_the_images_own_so_that_the_result_lies_with_them(
    patient_id: str,
) -> None:
    source = raw_source(PatientID=patient_id)
    report = _report(source)
    assert problems(report, [source]) == ()
    raw = report.get_item("PatientID")
    stated = raw.value if isinstance(raw.value, bytes) else str(raw.value).encode()
    kept = report["PatientID"].value
    assert ("\\".join(kept) if not isinstance(kept, str) else kept) == patient_id or (
        stated.rstrip() == patient_id.encode()
    )
    assert "filed with them: Patient ID (0010,0020)" in _words(report)


def test_another_patient_id_is_held_however_invalid_the_images_are() -> None:
    source = raw_source(PatientID="9" * 80)
    report = _report(source)
    report.PatientID = "9" * 64
    assert problems(report, [source]) == ("Patient ID (0010,0020) differs from the source image's",)


def test_what_is_repaired_is_told_by_name_and_never_by_value() -> None:
    (words,) = corrections(raw_source(PatientAge="62y", PatientName="O'Neill\\Ann"))
    assert words == (
        "Not valid in the images and repaired here: Patient's Name (0010,0010), "
        "Patient's Age (0010,1010)."
    )


def test_a_valid_header_leads_to_no_remark() -> None:
    assert correction_remarks([a_source(), a_source()]) == ()


def test_it_is_told_once_for_all_images_of_a_study() -> None:
    series = [a_source(AccessionNumber="A" * 20, SeriesInstanceUID=f"1.2.{n}") for n in range(3)]
    (remark,) = correction_remarks(series)
    assert remark.kind is RemarkKind.HEADER_VALUES


def _declared(terms: str, encoding: str, name: str) -> Dataset:
    source = raw_source(encoding, PatientName=name)
    source.SpecificCharacterSet = terms.split("\\") if "\\" in terms else terms
    return source


@pytest.mark.parametrize(
    ("terms", "encoding", "name"),
    [
        ("ISO_IR 100", "utf-8", "Müller^Jürgen"),
        ("ISO_IR 100", "utf-8", "Иванов^Пётр"),
        ("ISO_IR 6", "utf-8", "Müller^Jürgen"),
        ("ISO_IR 144", "utf-8", "Иванов^Пётр"),
        ("ISO_IR 126", "utf-8", "Διονυσιος^Α"),
        ("ISO_IR 100", "utf-8", "山田^太郎"),
        ("GB18030\\ISO_IR 192", "utf-8", "张^小东"),
        ("GB18030\\ISO_IR 192", "gb18030", "张^小东"),
        ("ISO_IR 100\\ISO_IR 192", "utf-8", "Müller^Jürgen"),
        ("ISO_IR 100", "cp1252", "O\N{RIGHT SINGLE QUOTATION MARK}Neill^Šárka"),
    ],
)
def test_a_name_in_another_set_than_the_stated_one_is_read_by_its_bytes_and_told(
    terms: str, encoding: str, name: str
) -> None:
    source = _declared(terms, encoding, name)
    report = _report(source)
    assert str(report.PatientName) == name
    assert problems(report, [source]) == ()
    stated = report.SpecificCharacterSet
    assert isinstance(stated, str), "one set that knows no code extensions stands alone"
    assert "another character set" in _words(report)


def test_two_sets_that_stand_alone_are_never_both_copied_even_for_ascii() -> None:
    report = _report(_declared("GB18030\\ISO_IR 192", "ascii", "Doe^Jane"))
    assert report.SpecificCharacterSet == "ISO_IR 192"


@pytest.mark.parametrize(
    ("terms", "encoding"), [("ISO_IR 100", "cp1251"), ("ISO_IR 144", "cp1251"), ("", "cp1251")]
)
def test_no_object_holds_control_characters_whatever_the_images_hold(
    terms: str, encoding: str
) -> None:
    changes: dict[str, Any] = {"PatientName": "Ђурђевић^Љиљана", "StudyDescription": "„Ђ…"}
    source = raw_source(encoding, **changes)
    source.SpecificCharacterSet = terms
    report = _report(source)
    texts = [str(each.value) for each in report.iterall() if each.VR in ("LO", "PN", "SH", "UT")]
    assert not [text for text in texts if any("\x7f" <= letter <= "\x9f" for letter in text)]
    assert "another character set" in _words(report)


@pytest.mark.parametrize("name", ["ТА^СП", "АНО^ТАМ"])
def test_letters_of_a_stated_set_are_not_taken_for_utf_8_by_chance(name: str) -> None:
    report = _report(_declared("ISO_IR 144", "iso8859-5", name))
    assert str(report.PatientName) == name
    assert report.SpecificCharacterSet == "ISO_IR 144"
