"""The page for people is a valid encapsulated PDF that never shows a wrong name."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from ai_engine.prediction import Prediction
from sr_templates.encapsulated_report import build_encapsulated_report
from sr_templates.fonts import east_asian_font
from sr_templates.report_page import NOT_SHOWN, blank_sheet, name_written, written
from sr_templates.validation import problems
from tests.peers.process import program
from tests.unit.sr_templates.builders import (
    IMAGE,
    a_context,
    a_finding,
    a_model,
    a_negative,
    a_prediction,
    a_source,
    an_image,
    some_pixels,
)

pytestmark = pytest.mark.slow

LATIN_AND_CYRILLIC = frozenset((*range(0x20, 0x250), *range(0x400, 0x460)))


def pages(prediction: Prediction | None = None, **source: Any) -> list[Dataset]:
    return build_encapsulated_report(
        prediction or a_prediction(), a_source(**source), some_pixels(), a_context()
    )


def pdf_of(document: Dataset) -> bytes:
    return bytes(document.EncapsulatedDocument[: document.EncapsulatedDocumentLength])


def test_the_document_is_one_unverified_pdf_of_the_source() -> None:
    (document,) = pages()
    assert (document.Modality, document.MIMETypeOfEncapsulatedDocument) == (
        "DOC",
        "application/pdf",
    )
    assert document.VerificationFlag == "UNVERIFIED"
    assert document.BurnedInAnnotation == "YES"
    assert document.DocumentTitle == "AI report: Chest radiograph"
    assert document.SourceInstanceSequence[0].ReferencedSOPInstanceUID == IMAGE
    assert pdf_of(document).startswith(b"%PDF-")
    assert pdf_of(document).count(b"/Type /Page\n") == 1
    assert problems(document, [a_source()]) == ()


@pytest.mark.parametrize("finding", [a_negative(), a_finding(heat_map=None)])
def test_a_page_is_made_without_a_region_too(finding: Any) -> None:
    (document,) = pages(a_prediction(an_image(finding)))
    assert problems(document, [a_source()]) == ()


def test_many_labels_still_fit_on_one_page() -> None:
    labels = [a_negative(label=str(number)) for number in range(40)]
    (document,) = pages(a_prediction(an_image(a_finding(), *labels)))
    assert pdf_of(document).count(b"/Type /Page\n") == 1
    assert problems(document) == ()


def test_the_same_prediction_gives_the_same_bytes_in_its_own_series() -> None:
    (one,), (other,) = pages(), pages()
    assert one == other
    assert one.SeriesNumber == 9005


def test_another_model_gives_another_page() -> None:
    (research,), (product,) = pages(), pages(a_prediction(model=a_model(research_only=False)))
    assert pdf_of(research) != pdf_of(product)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Doe^Jane", "Doe, Jane"),
        ("Doe^Jane^Mary", "Doe, Jane Mary"),
        ("Люкceмбypг^Юрий", "Люкceмбypг, Юрий"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada, Tarou"),
        ("=山田^太郎", NOT_SHOWN),
        ("山田^太郎", NOT_SHOWN),
        ("", ""),
        ("^^^", NOT_SHOWN),
    ],
)
def test_a_name_is_shown_in_a_script_that_the_font_has_or_not_at_all(name: str, words: str) -> None:
    assert name_written(name, LATIN_AND_CYRILLIC) == words


def test_the_signs_of_a_name_stand_behind_its_letters() -> None:
    signs = LATIN_AND_CYRILLIC | frozenset(map(ord, "王小東山田太郎"))
    assert name_written("Wang^XiaoDong=王^小東", signs) == "Wang, XiaoDong (王 小東)"
    assert name_written("=山田^太郎=やまだ^たろう", signs) == "山田 太郎"


def test_an_installed_font_writes_east_asian_names(tmp_path: Path) -> None:
    if east_asian_font() is None:
        pytest.skip("no font with East Asian signs (Debian: apt-get install fonts-droid-fallback)")
    sheet = blank_sheet(datetime(2026, 1, 1, tzinfo=UTC))
    names = ("Wang^XiaoDong=王^小東", "Hong^Gildong=洪^吉洞", "Әбдіғали^Қуаныш", "Ștefănescu^Țuțu")
    for name in names:
        sheet.line(sheet.name(name), size=12, height=8)
    page = tmp_path / "names.pdf"
    page.write_bytes(bytes(sheet.pdf.output()))
    command = [program("gs", "ghostscript"), "-q", "-dBATCH", "-dNOPAUSE", "-sDEVICE=txtwrite"]
    shown = subprocess.run(
        [*command, "-sOutputFile=-", page], capture_output=True, text=True, check=True
    ).stdout
    assert [line.strip() for line in shown.splitlines() if line.strip()] == [
        "Wang, XiaoDong (王 小東)",
        "Hong, Gildong (洪 吉洞)",
        "Әбдіғали, Қуаныш",
        "Ștefănescu, Țuțu",
    ]


def test_no_letter_is_ever_replaced() -> None:
    assert written("Grippe\r\nnon", LATIN_AND_CYRILLIC) == "Grippe non"
    assert written("肺炎 pneumonia", LATIN_AND_CYRILLIC) == NOT_SHOWN


def test_a_japanese_or_very_long_name_makes_a_page_and_stays_out_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("山田^太郎", "X" * 64, "<script>^\\"):
        (document,) = pages(PatientName=name, SpecificCharacterSet="ISO_IR 192")
        assert problems(document) == ()
    assert "山" not in caplog.text


def test_ghostscript_renders_one_page(tmp_path: Path) -> None:
    (document,) = pages(PatientName="Люкceмбypг^Юрий", SpecificCharacterSet="ISO_IR 192")
    path, picture = tmp_path / "page.pdf", tmp_path / "page.png"
    path.write_bytes(pdf_of(document))
    command = [program("gs", "ghostscript"), "-q", "-dBATCH", "-dNOPAUSE", "-sDEVICE=pnggray"]
    subprocess.run([*command, f"-sOutputFile={picture}", path], check=True)
    assert picture.stat().st_size > 10_000


def shorten(document: Dataset) -> None:
    document.EncapsulatedDocument = document.EncapsulatedDocument[:-100]


def replace(document: Dataset) -> None:
    document.EncapsulatedDocument = b"\0" * len(document.EncapsulatedDocument)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (shorten, "the document is not as long as it says"),
        (replace, "the document is not a whole PDF"),
    ],
)
def test_a_document_with_a_fault_is_held_with_one_sentence(change: Any, problem: str) -> None:
    (document,) = pages()
    change(document)
    assert problem in problems(document)
