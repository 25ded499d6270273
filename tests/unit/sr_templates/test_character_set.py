"""Names survive in the character set of their study."""

import io

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_node.archive.character_sets import stated_terms
from sr_templates.corrections import corrections
from sr_templates.measurement_report import build_measurement_report
from tests.unit.ai_engine.odd_images import put
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


@pytest.mark.parametrize(
    ("stated", "encoding", "name", "terms"),
    [
        ("UTF-8", "utf-8", JAPANESE, "ISO_IR 192"),
        ("ISO8859-5", "iso8859-5", "Люкceмбypг^Юрий", "ISO_IR 144"),
        ("ISO-8859-7", "iso8859-7", "Διονυσιος^Α", "ISO_IR 126"),
        ("\\ISO_2022_IR_87", "iso2022_jp", JAPANESE, "\\ISO 2022 IR 87"),
        ("\\ISO2022 IR 87", "iso2022_jp", JAPANESE, "\\ISO 2022 IR 87"),
    ],
)
def test_a_character_set_by_another_spelling_is_understood(
    stated: str, encoding: str, name: str, terms: str
) -> None:
    source = raw_source(encoding, PatientName=name)
    put("SpecificCharacterSet", stated)(source)
    report = report_of(source)
    assert str(report.PatientName) == name
    written = report.SpecificCharacterSet
    assert "\\".join([written] if isinstance(written, str) else written) == terms


@pytest.mark.parametrize(
    ("stated", "terms"),
    [
        (b"\\ISO_2022_IR_87", ["", "ISO 2022 IR 87"]),
        (b"utf8", ["ISO_IR 192"]),
        (b"iso_ir 144\0", ["ISO_IR 144"]),
        (b"KLINGON", []),
    ],
)
def test_the_archive_reads_the_same_spellings(stated: bytes, terms: list[str]) -> None:
    assert stated_terms(stated) == terms


def test_a_character_set_that_does_not_exist_is_not_copied() -> None:
    report = report_of(raw_source(SpecificCharacterSet="KLINGON"))
    assert "SpecificCharacterSet" not in report


def test_text_of_the_model_that_the_study_cannot_write_takes_the_report_to_unicode() -> None:
    source = raw_source("iso8859-5", PatientName="Люкceмбypг", SpecificCharacterSet="ISO_IR 144")
    report = report_of(source, title="Röntgen-Thorax")
    assert report.SpecificCharacterSet == "ISO_IR 192"
    assert str(report.PatientName) == "Люкceмбypг"
    assert "Röntgen" in report.SeriesDescription


DOUBT = "The images do not say in which character set their text is written"


# pydicom warns of what it cannot decode.
@pytest.mark.filterwarnings("ignore:Failed to decode byte string:UserWarning")
@pytest.mark.parametrize(
    ("terms", "written"),
    [
        (None, "张伟^明".encode("gbk")),
        (None, "山田^太郎".encode("shift_jis")),
        (None, "김^철수".encode("euc-kr")),
        (None, "Müller^Jörg".encode("latin-1")),
        ("ISO_IR 999", "Müller^Jörg".encode("latin-1")),
        ("ISO_IR 100", "Иванов^Пётр".encode("koi8-r")),
        ("ISO_IR 100", "Иванов^Пётр".encode("cp1251")),
        ("ISO_IR 100", "张伟明^张伟明".encode("gbk")),
        ("ISO_IR 100", b"Yamada^Tarou=\x1b$B;3ED\x1b(B"),
        ("\\ISO 2022 IR 87", b"Yamada^Tarou=\x1b$B;3E"),
        ("ISO_IR 192", "Müller^Jörg".encode("latin-1")),
        ("GB18030", b"Zhang=\xd5\xff\xff"),
    ],
)
def test_a_name_in_an_unknown_character_set_is_said_to_be_doubtful(
    terms: str | None, written: bytes
) -> None:
    source = _named(written, terms)
    assert DOUBT in " ".join(corrections(source))
    report_of(source)


@pytest.mark.parametrize(
    ("terms", "written"),
    [
        ("ISO_IR 100", "Müller^Jörg".encode("latin-1")),
        ("ISO_IR 100", "Øæe^Åse".encode("latin-1")),
        ("ISO_IR 101", "Łukasz^Żółć".encode("iso8859-2")),
        ("ISO_IR 144", "Иванов^Пётр".encode("iso8859-5")),
        ("GB18030", "联通^张伟".encode("gb18030")),
        ("\\ISO 2022 IR 87", "Yamada^Tarou=山田^太郎".encode("iso2022_jp")),
        ("ISO_IR 192", "张伟^Müller".encode()),
        (None, b"Doe^Jane"),
    ],
)
def test_a_name_in_the_character_set_that_is_stated_is_not_doubted(
    terms: str | None, written: bytes
) -> None:
    assert "character set" not in " ".join(corrections(_named(written, terms)))


def _named(written: bytes, terms: str | None) -> Dataset:
    """An image of somebody whose name is written so, with the character set that is stated."""
    source = raw_source("latin-1", PatientName="")
    put("PatientName", written)(source)
    if terms is not None:
        put("SpecificCharacterSet", terms)(source)
    return source


def test_a_chinese_name_in_utf_8_that_is_stated_as_gb18030_keeps_its_letters() -> None:
    source = raw_source("latin-1", PatientName="")
    put("PatientName", "Zhang=张伟^明".encode())(source)
    put("SpecificCharacterSet", "GB18030")(source)
    report = report_of(source)
    assert str(report.PatientName) == "Zhang=张伟^明"
    assert report.SpecificCharacterSet == "ISO_IR 192"
    assert "another character set" in " ".join(corrections(source))
