"""Labels of segments, presentation states and maps in every language; all else stays as it is."""

import re
from collections.abc import Callable

import pytest
from pydicom import Dataset

from sr_templates.language.language import LanguageCode
from sr_templates.rendition import Rendition
from sr_templates.translation import labelled
from sr_templates.validation import problems
from tests.unit.sr_templates.builders import (
    a_finding,
    a_heat_map,
    a_prediction,
    an_image,
)
from tests.unit.sr_templates.test_parametric_map import maps
from tests.unit.sr_templates.test_presentation_state import states
from tests.unit.sr_templates.test_segmentation import segmentations

OTHERS = [each for each in LanguageCode if each is not LanguageCode.ENGLISH]
TWO_AREAS = a_heat_map((0.35, 0.6), (0.7, 0.3))
# What the model is called, which its card says.
_NAMES = {"Chest radiograph"}
_WORD = re.compile(r"[A-Za-z]{4,}")
_LABELS = (
    "SeriesDescription",
    "ContentDescription",
    "ImageComments",
    "SegmentLabel",
    "SegmentDescription",
    "TrackingID",
    "GraphicLayerDescription",
    "LUTExplanation",
    "UnformattedTextValue",
)


def two_areas() -> Dataset:
    (made,) = states(a_prediction(an_image(a_finding(heat_map=TWO_AREAS))))
    return made


KINDS: dict[str, Callable[[], Dataset]] = {
    "segments": lambda: segmentations()[0],
    "outlines": two_areas,
    "map": lambda: maps()[0],
}


@pytest.mark.parametrize("code", OTHERS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_label_is_said_and_the_object_is_valid(kind: str, code: LanguageCode) -> None:
    english, made = KINDS[kind](), labelled(KINDS[kind](), Rendition(language=code))
    assert problems(made, (made,)) == ()
    assert made.SOPInstanceUID != english.SOPInstanceUID
    before, after = labels(english), labels(made)
    assert len(before) == len(after) >= 3
    same = {words for words, other in zip(after, before, strict=True) if words == other}
    assert {each for each in same if _WORD.search(each)} == set()
    if code is not LanguageCode.ROMANIAN:
        left = " ".join(after)
        for name in _NAMES:
            left = left.replace(name, "")
        assert _WORD.findall(left) == []


@pytest.mark.parametrize("kind", KINDS)
def test_contours_pixels_and_codes_stay(kind: str) -> None:
    english = KINDS[kind]()
    made = labelled(KINDS[kind](), Rendition(language=LanguageCode.RUSSIAN))
    for keyword in ("CodeValue", "GraphicData", "TrackingUID", "ContentLabel", "GraphicLayer"):
        assert values(made, keyword) == values(english, keyword)
    for keyword in ("PixelData", "FloatPixelData", "SeriesInstanceUID"):
        assert made.get(keyword) == english.get(keyword)


def test_a_label_of_several_lines_keeps_its_lines() -> None:
    made = labelled(two_areas(), Rendition(language=LanguageCode.RUSSIAN))
    summary = values(made, "UnformattedTextValue")[0].split("\r\n")
    assert summary[0] == "Находки ИИ, не подтверждены"
    assert "вероятность" in summary[1]


def labels(dataset: Dataset) -> list[str]:
    """What people read of an object, line by line."""
    return [line for name in _LABELS for text in values(dataset, name) for line in lines(text)]


def lines(text: str) -> list[str]:
    return str(text or "").split("\r\n")


def values(dataset: Dataset, keyword: str) -> list[str]:
    return [each.value for each in dataset.iterall() if each.keyword == keyword]
