"""What only a header tells of an image (made of others, on a side, turned) stands in the result."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.uid import DigitalXRayImageStorageForProcessing

from ai_engine.errors import ImageRefusedError
from ai_engine.kinds.limits import age_remarks
from ai_engine.kinds.testing import chest_card
from ai_engine.library.card import ModelCard
from ai_engine.prediction import RefusalReason, RemarkKind
from ai_engine.preprocessing.ct_traces import has_traces_of_ct
from ai_engine.preprocessing.patient_context import read_patient_context
from ai_engine.preprocessing.pixel_aspect import read_pixel_aspect
from ai_engine.preprocessing.radiograph import header_remarks, read_radiograph
from ai_engine.preprocessing.unusual import (
    AGES,
    AN_ANIMAL,
    ON_A_SIDE,
    RAW,
    TILTED,
    TURNED,
    UNBORN,
    unusual,
)
from tests.unit.ai_engine.odd_images import Change, changes, chest, put


def chest_card_for_adults() -> ModelCard:
    return replace(chest_card(Path()), youngest=18.0)


def _said(change: Change) -> list[tuple[RemarkKind, str]]:
    dataset = chest()
    change(dataset)
    return list(unusual(dataset))


def test_nothing_is_said_of_a_usual_radiograph() -> None:
    assert _said(lambda _dataset: None) == []
    assert header_remarks([read_radiograph(chest())]) == ()


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("PresentationIntentType", "FOR PROCESSING"),
        ("PresentationIntentType", "for  processing "),
        ("PresentationIntentType", "FOR_PROCESSING"),
        ("PresentationIntentType", "For-Processing\0"),
        ("SOPClassUID", DigitalXRayImageStorageForProcessing),
    ],
)
def test_an_image_as_the_detector_made_it_is_called_so(keyword: str, text: str) -> None:
    assert _said(put(keyword, text)) == [(RemarkKind.UNLIKE_TRAINING, RAW)]


def test_an_image_for_presentation_is_a_usual_one() -> None:
    assert _said(put("PresentationIntentType", "FOR PRESENTATION")) == []


@pytest.mark.parametrize(
    ("keyword", "text", "what"),
    [
        ("ImageType", "DERIVED\\SECONDARY\\BONE SUPPRESSED", "bones suppressed"),
        ("SeriesDescription", "Chest PA bone-suppressed", "bones suppressed"),
        ("ImageType", "DERIVED\\PRIMARY\\\\DUAL_ENERGY", "dual energy"),
        ("DerivationDescription", "temporal subtraction", "a subtraction"),
        ("ImageType", "DERIVED\\PRIMARY\\TOMOSYNTHESIS", "a tomosynthesis"),
        ("ImageType", "DERIVED\\SECONDARY\\COLLAGE", "several pictures in one"),
        ("ImageType", "DERIVED\\SECONDARY\\SCREEN SAVE", "a screen capture"),
        ("ImageType", "ORIGINAL\\PRIMARY\\\\REJECTED", "rejected by its sender"),
        ("QualityControlImage", "YES", "for quality control"),
        ("QualityControlImage", "y ", "for quality control"),
    ],
)
def test_an_image_that_is_no_plain_exposure_is_called_so(
    keyword: str, text: str, what: str
) -> None:
    ((kind, words),) = _said(put(keyword, text))
    assert kind is RemarkKind.UNLIKE_TRAINING
    assert f"({what})" in words


@pytest.mark.parametrize("text", ["LLD", "RLD", "LATERAL DECUBITUS", "AP_DECUB"])
def test_a_patient_on_a_side_is_told(text: str) -> None:
    assert _said(put("ViewPosition", text)) == [(RemarkKind.UNLIKE_TRAINING, ON_A_SIDE)]


@pytest.mark.parametrize("keyword", ["ViewPosition", "SeriesDescription", "ProtocolName"])
@pytest.mark.parametrize(
    "text",
    [
        "DECUBITO SUPINO",
        "TORAX_AP_DECUBITO",
        "Tórax decúbito dorsal",
        "Thorax en décubitus dorsal",
        "Torace AP decubito supino",
        "AP DORSAL DECUBITUS",
        "supine decubitus",
    ],
)
def test_a_patient_who_lies_on_the_back_is_not_told_to_lie_on_a_side(
    keyword: str, text: str
) -> None:
    assert _said(put(keyword, text)) == []


@pytest.mark.parametrize(
    "text",
    [
        "Tórax decúbito lateral izquierdo",
        "Thorax décubitus latéral droit",
        "torace decubito lat sin",
        "Torax decubito der",
        "decub chest",
    ],
)
def test_a_side_is_told_in_other_languages(text: str) -> None:
    assert _said(put("SeriesDescription", text)) == [(RemarkKind.UNLIKE_TRAINING, ON_A_SIDE)]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_words_with_accents_are_read_as_they_are_stored(encoding: str) -> None:
    stored = io.BytesIO()
    dataset = Dataset()
    dataset.SpecificCharacterSet = {"utf-8": "ISO_IR 192", "latin-1": "ISO_IR 100"}[encoding]
    dataset.SeriesDescription = "Thorax décubitus latéral"
    dcmwrite(stored, dataset, implicit_vr=False, little_endian=True)
    stored.seek(0)
    assert list(unusual(dcmread(stored, force=True))) == [(RemarkKind.UNLIKE_TRAINING, ON_A_SIDE)]


@pytest.mark.parametrize("text", ["LORDOTIC", "AP LORDOTIC", "XTABLE", "AXIAL"])
def test_a_tilted_beam_is_told(text: str) -> None:
    assert _said(put("ViewPosition", text)) == [(RemarkKind.UNLIKE_TRAINING, TILTED)]


@pytest.mark.parametrize("keyword", ["SeriesDescription", "ProtocolName"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("CHEST_L_DECUBITUS", ON_A_SIDE),
        ("Thorax Dekubitus li", ON_A_SIDE),
        ("Apical lordotic", TILTED),
        ("CHEST X-TABLE", TILTED),
    ],
)
def test_a_description_that_names_position_or_tilt_is_told(
    keyword: str, text: str, words: str
) -> None:
    assert _said(put(keyword, text)) == [(RemarkKind.UNLIKE_TRAINING, words)]


@pytest.mark.parametrize(
    ("sequence", "modifiers", "meaning", "words"),
    [
        ("ViewCodeSequence", "ViewModifierCodeSequence", "Lordotic", TILTED),
        (
            "PatientOrientationCodeSequence",
            "PatientOrientationModifierCodeSequence",
            "Left lateral decubitus",
            ON_A_SIDE,
        ),
    ],
)
def test_a_coded_position_or_tilt_is_told(
    sequence: str, modifiers: str, meaning: str, words: str
) -> None:
    def change(dataset: Dataset) -> None:
        code, modifier = Dataset(), Dataset()
        code.CodeMeaning, modifier.CodeMeaning = "antero-posterior", meaning
        setattr(code, modifiers, [modifier])
        setattr(dataset, sequence, [code])

    assert _said(change) == [(RemarkKind.UNLIKE_TRAINING, words)]


@pytest.mark.parametrize(
    "text",
    [
        "CHEST 1V PORT",
        "Chest 1 View Portable",
        "decubitus ulcer",
        "sacral decubitus",
        "Dekubitus sakral",
        "Thorax Dekubitusprophylaxe",
        "escarre de décubitus",
    ],
)
def test_words_of_a_plain_view_say_nothing(text: str) -> None:
    assert _said(put("SeriesDescription", text)) == []


@pytest.mark.parametrize("text", ["R\\F", "L\\H", "P\\F", "F\\L", "A\\FR"])
def test_an_orientation_that_is_not_the_usual_one_is_told(text: str) -> None:
    assert _said(put("PatientOrientation", text)) == [(RemarkKind.TAGS_DISAGREE, TURNED)]


@pytest.mark.parametrize("text", ["L\\F", "LH\\F", "l\\f", "L\\FR", "LEFT", "", "L"])
def test_the_usual_orientation_and_words_that_are_none_say_nothing(text: str) -> None:
    assert _said(put("PatientOrientation", text)) == []


@pytest.mark.parametrize("keyword", ["SeriesDescription", "ProtocolName", "StudyDescription"])
@pytest.mark.parametrize("text", ["Canine thorax", "Feline chest VD", "Thorax Hund"])
def test_a_description_of_an_animal_is_told(keyword: str, text: str) -> None:
    assert _said(put(keyword, text)) == [(RemarkKind.UNLIKE_TRAINING, AN_ANIMAL)]


@pytest.mark.parametrize(
    "text", ["Canine tooth", "CAT scan", "after dog bite", "Bovine aortic valve", "bovine arch"]
)
def test_words_that_animals_share_say_nothing(text: str) -> None:
    assert _said(put("SeriesDescription", text)) == []


def test_a_birth_date_after_the_study_is_told_and_not_used() -> None:
    change = changes(
        put("PatientAge", "062Y"), put("PatientBirthDate", "20300101"), put("StudyDate", "20260101")
    )
    dataset = chest()
    change(dataset)
    assert list(unusual(dataset)) == [(RemarkKind.HEADER_VALUES, UNBORN)]
    assert read_patient_context(dataset).age == 62


def test_ages_that_contradict_each_other_are_none_and_told() -> None:
    change = changes(
        put("PatientAge", "040Y"), put("PatientBirthDate", "20230101"), put("StudyDate", "20260101")
    )
    dataset = chest()
    change(dataset)
    assert list(unusual(dataset)) == [(RemarkKind.HEADER_VALUES, AGES)]
    assert read_patient_context(dataset).age is None
    (remark,) = age_remarks(chest_card_for_adults(), read_radiograph(dataset))
    assert remark.kind is RemarkKind.AGE_UNKNOWN


@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("ScanOptions", "SCOUT MODE"),
        ("GantryDetectorTilt", "0"),
        ("ConvolutionKernel", "B30f"),
        ("RescaleType", "HU"),
    ],
)
def test_what_only_ct_has_to_say_tells_a_topogram_that_is_sent_as_a_radiograph(
    keyword: str, text: str
) -> None:
    dataset = chest()
    put(keyword, text)(dataset)
    assert has_traces_of_ct(dataset)
    assert read_radiograph(dataset).has_traces_of_ct
    assert not has_traces_of_ct(chest())


@pytest.mark.parametrize(
    ("pixel", "imager", "ratio"),
    [("0.3\\0.1", "0.2\\0.2", 1.0), ("0.2\\0.2", "0.1\\0.2", 1.0), ("0.2\\0.1", "0.1\\0.3", 2.0)],
)
def test_two_shapes_of_a_pixel_are_no_shape_and_told(pixel: str, imager: str, ratio: float) -> None:
    dataset = chest()
    changes(put("PixelSpacing", pixel), put("ImagerPixelSpacing", imager))(dataset)
    found = read_pixel_aspect(dataset)
    assert found.ratio == pytest.approx(ratio)
    assert "contradict each other" in " ".join(found.corrections)


@pytest.mark.parametrize("text", ["-0.2\\-0.2", "-0.2\\0.2", "0.2\\1.9"])
def test_a_spacing_that_no_pixel_has_is_passed_over_and_told(text: str) -> None:
    dataset = chest()
    put("PixelSpacing", text)(dataset)
    found = read_pixel_aspect(dataset)
    assert found.ratio == 1.0
    assert found.corrections == ("Pixel Spacing cannot be read, and was passed over.",)


@pytest.mark.parametrize(
    ("center", "width"), [("2048", "0"), ("", "4096"), ("2048", ""), ("40960", "10")]
)
def test_a_window_that_does_not_fit_is_passed_over_and_told(center: str, width: str) -> None:
    dataset = chest()
    changes(put("WindowCenter", center), put("WindowWidth", width))(dataset)
    (words,) = read_radiograph(dataset).corrections
    assert words == "The window does not fit the pixels: the image was shown by its pixels."


def test_an_intercept_that_swallows_the_grey_scale_is_refused_under_its_name() -> None:
    dataset = chest()
    put("RescaleIntercept", "1e30")(dataset)
    with pytest.raises(ImageRefusedError, match="RescaleIntercept") as refused:
        read_radiograph(dataset)
    assert refused.value.reason is not RefusalReason.NOT_FRONTAL_CHEST


@pytest.mark.parametrize(
    "text",
    [
        "Radiographie des poumons",
        "Röntgen des Thorax",
        "CAD, chest PA",
        "lung transplant rejection",
        "s/p stitches",
        "phantom pain",
        "mosaic attenuation",
        "suppressed immunity",
    ],
)
def test_articles_diagnoses_and_history_do_not_say_how_an_image_was_made(text: str) -> None:
    assert _said(put("SeriesDescription", text)) == []


def test_the_rows_of_a_lateral_view_run_from_front_to_back() -> None:
    assert _said(changes(put("ViewPosition", "LL"), put("PatientOrientation", "A\\F"))) == []


@pytest.mark.parametrize("text", ["Toscano", "Isotopos", "Topology"])
def test_a_name_that_holds_the_letters_of_scout_is_no_trace_of_ct(text: str) -> None:
    dataset = chest()
    put("AcquisitionProtocolName", text)(dataset)
    assert not has_traces_of_ct(dataset)


@pytest.mark.parametrize("text", ["143\\143", "0.000143\\0.000143", "14,3\\14,3"])
def test_a_spacing_in_micrometres_or_metres_is_told_to_be_none(text: str) -> None:
    dataset = chest()
    put("PixelSpacing", text)(dataset)
    found = read_pixel_aspect(dataset)
    assert found.ratio == 1.0
    assert "Pixel Spacing is none of an X-ray image in millimetres" in " ".join(found.corrections)


@pytest.mark.parametrize(
    ("sexes", "is_said"),
    [("MF", True), ("FM", True), ("FF", False), ("F ", False), ("OF", False)],
)
def test_images_of_one_study_that_state_different_sexes_are_told(sexes: str, is_said: bool) -> None:
    images = []
    for sex in sexes:
        dataset = chest()
        put("PatientSex", sex)(dataset)
        images.append(read_radiograph(dataset))
    said = [each for each in header_remarks(images) if "different sexes" in each.detail]
    assert len(said) == is_said
