"""A finished report in every language: other words, the same codes, and nothing that is wrong."""

import re
from enum import StrEnum

import pytest
from pydicom import Dataset

from ai_engine.ct.refusal import CtRefusalReason
from ai_engine.prediction import Refusal, RefusalReason, Remark, RemarkKind
from dicom_node.domain.reception import AssociationEnd
from sr_templates import codes
from sr_templates.impression import images, impression
from sr_templates.key_object_selection import build_rejection
from sr_templates.language.language import LanguageCode, language_code, result_language
from sr_templates.language.sentence import Sentence
from sr_templates.measurement_report import build_measurement_report
from sr_templates.rendition import Rendition
from sr_templates.translation import LANGUAGES, translated
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import IMAGE, a_context, a_model, a_prediction, a_source
from tests.unit.sr_templates.test_verified_report import a_statement, verified

OTHERS = [each for each in LanguageCode if each is not LanguageCode.ENGLISH]
# What is the model's, and no sentence of the node.
_NAMES = {"chest-radiograph", "Chest radiograph", "AI node project", "abnormality", "pneumonia"}
_WORD = re.compile(r"[A-Za-z]{4,}")


def _report() -> Dataset:
    remarks = (
        Remark(
            kind=RemarkKind.MAY_BE_INCOMPLETE,
            sop_instance_uid=IMAGE,
            detail="The study may be incomplete: 3 objects of a series came, which has 5 by what "
            "its images say.",
        ),
    )
    return build_measurement_report(a_prediction(remarks=remarks), [a_source()], a_context())


@pytest.mark.parametrize("code", OTHERS)
def test_a_report_in_another_language_is_valid_and_says_its_language(code: LanguageCode) -> None:
    report = _report()
    made = translated(report, Rendition(language=code))
    assert problems(made, (report,)) == ()
    assert made.SOPInstanceUID != report.SOPInstanceUID
    assert made.SeriesInstanceUID == report.SeriesInstanceUID
    (language,) = (
        item.ConceptCodeSequence[0]
        for item in made.ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == codes.LANGUAGE_OF_CONTENT.value
    )
    assert (language.CodeValue, language.CodingSchemeDesignator) == (code.value, "RFC5646")


@pytest.mark.parametrize("code", OTHERS)
def test_every_sentence_of_a_report_is_said(code: LanguageCode) -> None:
    english, made = _report(), translated(_report(), Rendition(language=code))
    pairs = zip(_texts(english), _texts(made), strict=True)
    same = [said for other, said in pairs if said == other and _WORD.search(said)]
    assert {each for each in same if " " in each} <= _NAMES
    assert "3" in next(words for words in _texts(made) if "5" in words and "3" in words)


@pytest.mark.parametrize("code", OTHERS)
def test_reasons_of_refusal_are_said(code: LanguageCode) -> None:
    language = result_language(code.value)
    for reason in (*RefusalReason, *RemarkKind):
        assert language.said(reason.value) != reason.value
    refusal = Refusal(sop_instance_uid=IMAGE, reason=RefusalReason.TOO_SMALL, detail="")
    words = f"No result: 1 image not analysed ({refusal.reason.value})."
    assert not _WORD.search(language.said(words)) or code is LanguageCode.ROMANIAN
    assert "{" not in language.said(words)


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize(
    ("reason", "detail"),
    [
        (RefusalReason.UNDECODABLE, "the file is damaged; send it again"),
        (
            RefusalReason.CONTRADICTORY,
            "Pixel Data is shorter than its header says; send it again",
        ),
        (RefusalReason.NO_IMAGE_MODEL, "the route is for other views"),
        (RefusalReason.NOT_FRONTAL_CHEST, "looks like: chest turned by 90 degrees"),
        (RefusalReason.NO_MODEL, "chest: the view is not one of AP, PA"),
    ],
)
def test_what_a_refusal_is_in_detail_is_said_too(
    code: LanguageCode, reason: RefusalReason, detail: str
) -> None:
    said = result_language(code.value).said(f"{reason.value}: {detail}")
    rest = detail.removeprefix("looks like: ").removeprefix("chest: the view ")
    assert rest not in said
    assert reason.value not in said


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("reason", [*RefusalReason, *CtRefusalReason])
def test_a_reason_is_no_sentence_with_values(code: LanguageCode, reason: StrEnum) -> None:
    """ "slices are missing" was taken for a list of slices, and said half in English."""
    language = result_language(code.value)
    known = language.message(reason.value)
    assert known != reason.value
    assert language.said(reason.value) == known


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("count", [1, 3])
def test_images_that_were_not_analysed_are_never_said_to_be(code: LanguageCode, count: int) -> None:
    """ "3 images not analysed." was read as "3 images not" that were analysed."""
    refusals = tuple(
        Refusal(sop_instance_uid=f"1.{number}", reason=RefusalReason.NO_PIXELS, detail="none")
        for number in range(count)
    )
    language = result_language(code.value)
    said = language.said(impression(a_prediction(refusals=refusals)))
    assert language.said(f"{images(count)} not analysed") in said
    assert not re.search(r"\b(not|images?)\b", said)


@pytest.mark.parametrize("code", OTHERS)
def test_a_sentence_with_a_full_stop_is_said_as_the_one_without(code: LanguageCode) -> None:
    """What is left out may be said to be so beside an image that was analysed."""
    language = result_language(code.value)
    for words in (
        "the same slice was sent as another object, too, which was analysed",
        "it was rejected or is for quality control, and another image was analysed",
    ):
        assert language.said(f"{words}.") == f"{language.said(words)}."


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("end", AssociationEnd)
def test_how_a_transfer_broke_off_is_said_in_results(
    code: LanguageCode, end: AssociationEnd
) -> None:
    language = result_language(code.value)
    words = (
        f"Transfer interrupted: {end.words}, and the sender did not come back to finish it. Images "
        "may be missing: this result is of those that arrived."
    )
    assert language.said(end.words) != end.words
    assert language.said(end.words) in language.said(words)


@pytest.mark.parametrize("code", OTHERS)
def test_an_uncertain_result_is_said_to_be_so(code: LanguageCode) -> None:
    words = "Pneumonia: between 40 % and 60 % the result is uncertain, and this one is 50.5 %."
    assert "uncertain" not in result_language(code.value).said(words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("Inhomogeneity: Right lung 5.9 %", "Неоднородность: Правое лёгкое 5,9 %"),
        ("60 axial slices 4 mm apart", "60 аксиальных срезов через 4 мм"),
        ("22 axial slices 4 mm apart", "22 аксиальных среза через 4 мм"),
        ("1 slice, at least 20 are needed", "1 срез, нужно не менее 20"),
        (
            "3 slices with an image, at least 20 are needed",
            "3 среза с изображением, нужно не менее 20",
        ),
        (
            "5 more sentences are in the structured report.",
            "В структурированном протоколе ещё 5 предложений.",
        ),
        (
            "1 of 60 images was missing in the transfer and was fetched from the archive PACS.",
            "При передаче не хватило 1 из 60 изображений, оно получено из архива PACS.",
        ),
        (
            "about 2 after slice 5, about 1 after slice 9, and in 1 more place (counted from the "
            "head); send the whole series",
            "около 2 после среза 5, около 1 после среза 9, и ещё в 1 месте (счёт от головы); "
            "отправьте серию целиком",
        ),
        ("Probability > 99 %", "Вероятность > 99 %"),
        ("5.9 %", "5,9 %"),
        (
            "inhomogeneity of 3.1 % of both lungs (right 5.9 %, ground-glass); grade 2 of 5",
            "неоднородность 3,1 % обоих лёгких (справа 5,9 %, матовое стекло); степень 2 из 5",
        ),
    ],
)
def test_figures_are_found_in_sentences_and_written_by_locale(words: str, said: str) -> None:
    assert result_language("ru").said(words) == said


def test_what_a_person_wrote_and_what_nobody_knows_stays() -> None:
    russian = result_language("ru")
    assert russian.said("Chest PA, follow-up in room 3") == "Chest PA, follow-up in room 3"
    assert russian.whole("Pneumonia? See the CT.") == "Pneumonia? See the CT."


# As people write them, and as the node says things, too.
REMARKS = ("Measured by hand: 2.5 cm", "No finding", "Device: pacemaker", "2.5")


@pytest.mark.slow
@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("remark", REMARKS)
def test_a_verified_report_is_said_but_for_what_its_reader_typed(
    code: LanguageCode, remark: str
) -> None:
    statements = (
        a_statement(words=f"Confirmed by the reader: {remark}"),
        a_statement(title="Abnormality", words="Changed by the reader from Pneumonia."),
    )
    report = verified(_report(), *statements, comment=remark)
    said = _texts(translated(report, Rendition(language=code)))
    assert remark in said
    assert any(each.endswith(f": {remark}") for each in said)
    left = [each for each in said if "reader" in each or "Pneumonia" in each]
    assert left == []


@pytest.mark.parametrize("remark", REMARKS)
def test_why_a_reader_rejects_stays_as_it_was_typed(remark: str) -> None:
    rejected_by = "Expert^Ada"
    document = build_rejection(
        [_report()], a_model(), a_context(), comment=remark, rejected_by=rejected_by
    )
    assert remark in _texts(translated(document, Rendition(language=LanguageCode.RUSSIAN)))


@pytest.mark.parametrize(
    ("code", "words", "said"),
    [
        (
            "ru",
            "Compared with the verified result of 2025-01-02: Pneumonia 12.0 % then, absent by "
            "the reader, 45.3 % now (+33.3 percentage points); Inhomogeneity of right lung 18.4 % "
            "then, 9.0 % now (-9.4 percentage points). It was said with other weights or another "
            "calibration: figures are not compared.",
            "Сравнено с подтверждённым результатом от 2025-01-02: Пневмония 12,0 % тогда, по "
            "слову врача отсутствовало, 45,3 % сейчас (процентных пунктов: +33,3); "
            "Неоднородность: правое лёгкое 18,4 % тогда, 9,0 % сейчас (процентных пунктов: -9,4). "
            "Сказано с другими весами или другой калибровкой: показатели не сравниваются.",
        ),
        (
            "kk",
            "Verified by 2 readers, attested by one reader. No finding.",
            "2 дәрігер растады, бір дәрігер куәландырды. Патология анықталмады.",
        ),
        (
            "ru",
            "Verified by one reader. Inhomogeneity of 5.9 % of both lungs: Ground-glass, Nodule.",
            "Подтвердил один врач. Неоднородность 5,9 % обоих лёгких: Матовое стекло, Узелок.",
        ),
        (
            "ru",
            "Changed by the reader (the algorithm had 5.9 %)",
            "Изменено врачом (у алгоритма было 5,9 %)",
        ),
    ],
)
def test_a_sentence_ends_where_another_begins(code: str, words: str, said: str) -> None:
    assert result_language(code).said(words) == said


def test_a_sentence_finds_the_values_that_it_was_made_with() -> None:
    sentence = Sentence(message="{count} of {images} analysed")
    assert sentence.values("1 of 2 images analysed") == {"count": "1", "images": "2 images"}
    assert sentence.values("nothing of it analysed") is None


def test_every_language_has_its_code_and_numbers_of_its_own_form() -> None:
    assert set(LANGUAGES) == set(LanguageCode)
    assert language_code("ro-MD") is LanguageCode.ROMANIAN
    assert language_code("fr") is LanguageCode.ENGLISH
    russian = result_language("ru")
    assert [russian.said(f"{n} images") for n in (2, 5, 21)] == [
        "2 изображения",
        "5 изображений",
        "21 изображение",
    ]
    assert russian.said("1 image") == "1 изображение"
    assert russian.figure("0.52") == "0,52"


def _texts(report: Dataset) -> list[str]:
    return [str(each.value) for each in report.iterall() if each.keyword == "TextValue"]


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize(
    "words",
    [
        "The header contradicts itself: body part KNEE, region code CHEST.",
        "The header contradicts itself: the protocol names HAND, body part or region code CHEST.",
        "The header contradicts itself: the series description names a lateral view.",
        "The header contradicts itself: view position PA, view code LL.",
        "body part KNEE is not one of CHEST, THORAX",
        "body part (none) is not one of CHEST",
        "The study may be incomplete: its modality discontinued the procedure step.",
        "The study may be incomplete: its modality discontinued the procedure step, because of: 1.",
    ],
)
def test_what_a_header_or_a_modality_says_is_said_wholly(code: LanguageCode, words: str) -> None:
    said = result_language(code.value).said(words)
    english = r"\b(body|part|view|not one|the|contradicts|because|discontinued|none)\b"
    assert not re.search(english, said)
