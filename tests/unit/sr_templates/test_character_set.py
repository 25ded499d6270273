"""Names survive in the character set of their study."""

import io

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from sr_templates.measurement_report import build_measurement_report
from tests.unit.sr_templates.builders import a_context, a_model, a_prediction, raw_source

JAPANESE = "Yamada^Tarou=山田^太郎=やまだ^たろう"


def written_and_read(report: Dataset) -> Dataset:
    buffer = io.BytesIO()
    report.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return dcmread(buffer)


def report_of(source: Dataset, **model: str) -> Dataset:
    prediction = a_prediction(model=a_model(**model))
    return written_and_read(build_measurement_report(prediction, [source], a_context()))


@pytest.mark.parametrize(
    ("terms", "encoding", "name"),
    [
        ("ISO_IR 100", "latin-1", "Müller^Jürgen"),
        ("ISO_IR 144", "iso8859-5", "Люкceмбypг^Юрий"),
        ("ISO_IR 126", "iso8859-7", "Διονυσιος^Α"),
        ("ISO_IR 192", "utf-8", JAPANESE),
        ("GB18030", "gb18030", "Zhang^XiaoDong=张^小东"),
        ("ISO_IR 13", "shift_jis", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("\\ISO 2022 IR 87", "iso2022_jp", JAPANESE),
        ("\\ISO 2022 IR 149", "iso2022_kr", "Hong^Gildong"),
    ],
)
def test_a_name_keeps_its_letters_and_its_character_set(
    terms: str, encoding: str, name: str
) -> None:
    source = raw_source(encoding, PatientName=name)
    source.SpecificCharacterSet = terms.split("\\") if "\\" in terms else terms
    report = report_of(source)
    assert str(report.PatientName) == name
    stated = report.SpecificCharacterSet
    assert "\\".join(stated if not isinstance(stated, str) else [stated]) == terms


def test_an_ascii_study_names_no_character_set() -> None:
    assert "SpecificCharacterSet" not in report_of(raw_source(PatientName="Doe^Jane"))


def test_letters_of_an_unstated_character_set_are_read_as_most_archives_read_them() -> None:
    report = report_of(raw_source("latin-1", PatientName="Müller^Jürgen"))
    assert str(report.PatientName) == "Müller^Jürgen"
    assert report.SpecificCharacterSet == "ISO_IR 100"


def test_a_misspelt_character_set_is_understood() -> None:
    source = raw_source("utf-8", PatientName=JAPANESE, SpecificCharacterSet="ISO IR 192")
    report = report_of(source)
    assert str(report.PatientName) == JAPANESE
    assert report.SpecificCharacterSet == "ISO_IR 192"


def test_a_character_set_that_does_not_exist_is_not_copied() -> None:
    report = report_of(raw_source(SpecificCharacterSet="KLINGON"))
    assert "SpecificCharacterSet" not in report


def test_text_of_the_model_that_the_study_cannot_write_takes_the_report_to_unicode() -> None:
    source = raw_source("iso8859-5", PatientName="Люкceмбypг", SpecificCharacterSet="ISO_IR 144")
    report = report_of(source, title="Röntgen-Thorax")
    assert report.SpecificCharacterSet == "ISO_IR 192"
    assert str(report.PatientName) == "Люкceмбypг"
    assert "Röntgen" in report.SeriesDescription
