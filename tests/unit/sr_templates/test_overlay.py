"""Overlays colour where the model looked, keep the anatomy visible and the words readable."""

import io

import numpy as np
import pytest
from PIL import Image

from ai_engine.prediction import Region
from sr_templates import captions
from sr_templates.captions import Band, Line
from sr_templates.heat_map import STRONGEST_BLEND, blended, placed
from sr_templates.language.language import LanguageCode, result_language
from sr_templates.overlay import as_png, draw_overlay
from sr_templates.percent import percent
from sr_templates.rendition import Rendition
from tests.unit.sr_templates.builders import (
    a_finding,
    a_heat_map,
    a_model,
    a_negative,
    an_image,
    some_pixels,
)


def has(overlay: np.ndarray, color: tuple[int, int, int]) -> bool:
    return bool((overlay == np.array(color, np.uint8)).all(axis=2).any())


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(2500, 2048), (2048, 2500), (512, 512), (169, 211), (64, 64), (3000, 400), (400, 3000)],
)
def test_an_overlay_keeps_to_its_limit_and_is_large_enough_to_read(rows: int, columns: int) -> None:
    finding = a_finding(heat_map=a_heat_map(rows=rows, columns=columns))
    overlay = draw_overlay(some_pixels(rows, columns), an_image(finding), finding, a_model())
    assert overlay.dtype == np.uint8
    assert max(overlay.shape[:2]) <= 1280
    assert overlay.shape[1] >= 600


@pytest.mark.parametrize("max_side", [512, 900, 2000])
def test_the_limit_is_a_parameter(max_side: int) -> None:
    finding = a_finding(heat_map=a_heat_map(rows=2500, columns=2048))
    pixels = some_pixels(2500, 2048)
    overlay = draw_overlay(pixels, an_image(finding), finding, a_model(), max_side=max_side)
    assert max_side - 4 <= max(overlay.shape[:2]) <= max_side


def test_only_a_research_model_has_the_warning_band_and_it_is_above_the_image() -> None:
    finding = a_finding()
    warned = draw_overlay(some_pixels(), an_image(finding), finding, a_model())
    assert (warned[0] == np.array(captions.WARNING_BACKGROUND)).all()
    assert not (warned[60:] == np.array(captions.WARNING_BACKGROUND)).all(axis=2).any()
    product = a_model(research_only=False)
    plain = draw_overlay(some_pixels(), an_image(finding), finding, product)
    assert not has(plain, captions.WARNING_BACKGROUND)


def test_the_strongest_activation_is_coloured_where_the_region_says() -> None:
    heat_map = a_heat_map((0.25, 0.5), rows=400, columns=400)
    activation = placed(heat_map, (800, 800), rows=400, columns=400)
    row, column = np.unravel_index(activation.argmax(), activation.shape)
    assert (column, row) == (pytest.approx(200, abs=20), pytest.approx(400, abs=20))


def test_a_map_on_a_part_of_the_image_leaves_the_rest_alone() -> None:
    part = Region(left=100.0, top=100.0, right=200.0, bottom=200.0)
    heat_map = a_heat_map((0.5, 0.5), spread=20.0, region=part)
    activation = placed(heat_map, (400, 400), rows=400, columns=400)
    covered = np.argwhere(activation > 0.5)
    assert covered.min() >= 99
    assert covered.max() <= 200


def test_weak_activation_leaves_the_image_untouched() -> None:
    grey = some_pixels()
    shown = blended(grey, np.full_like(grey, 0.2))
    assert np.abs(shown.astype(int) - np.round(grey * 255)[:, :, None]).max() <= 1


def test_the_anatomy_stays_visible_under_the_strongest_activation() -> None:
    grey = some_pixels()
    shown = blended(grey, np.ones_like(grey)).astype(float).sum(axis=2)
    assert (np.diff(shown[0]) >= 0).all()
    contrast = shown.max() - shown.min()
    assert contrast > (1 - STRONGEST_BLEND) * 3 * 255


def test_a_heat_map_colours_and_outlines_the_image() -> None:
    finding = a_finding()
    shown = draw_overlay(some_pixels(), an_image(finding), finding, a_model())
    plain = draw_overlay(some_pixels(), an_image(a_negative()), None, a_model())
    middle = slice(250, -250)
    assert np.ptp(shown[middle].astype(int), axis=2).max() > 60
    assert np.ptp(plain[middle].astype(int), axis=2).max() == 0


@pytest.mark.parametrize(("aspect", "width"), [(1.0, 614), (2.0, 307), (0.5, 768)])
def test_pixels_that_are_not_square_are_drawn_square(aspect: float, width: int) -> None:
    grey = np.full((200, 160), 0.5, np.float32)
    image = an_image(a_negative())
    overlay = draw_overlay(grey, image, None, a_model(), pixel_aspect=aspect)
    middle_row = overlay[overlay.shape[0] // 2]
    assert int((middle_row[:, 0] > 100).sum()) == pytest.approx(width, abs=1)


def test_values_that_are_not_numbers_are_drawn_black() -> None:
    pixels = some_pixels()
    pixels[:20] = np.nan
    overlay = draw_overlay(pixels, an_image(a_negative()), None, a_model())
    assert overlay.dtype == np.uint8


def test_an_overlay_becomes_a_png_of_the_same_pixels() -> None:
    overlay = draw_overlay(some_pixels(), an_image(a_negative()), None, a_model())
    assert (np.asarray(Image.open(io.BytesIO(as_png(overlay)))) == overlay).all()


@pytest.mark.parametrize(
    ("share", "beside", "words"),
    [(0.873, 0.5, "87 %"), (0.504, 0.5, "50.4 %"), (0.5, 0.504, "50.0 %"), (0.5, 0.5, "50 %")],
)
def test_a_probability_is_as_fine_as_its_threshold_demands(
    share: float, beside: float, words: str
) -> None:
    assert percent(share, beside) == words


def test_long_words_are_set_smaller_and_then_cut_but_never_leave_the_band() -> None:
    line = Line(left="A finding with a very long name indeed " * 4, right="Probability 87 %")
    drawn = captions.drawn(Band(lines=(line,)), width=400, size=26)
    edges = np.concatenate([drawn[:, :10], drawn[:, -10:]], axis=1)
    assert drawn.shape == (Band(lines=(line,)).height(26), 400, 3)
    assert (edges == np.array(captions.BACKGROUND)).all()


def test_what_puts_a_result_in_doubt_has_a_band_of_its_own() -> None:
    finding = a_finding()
    plain = draw_overlay(some_pixels(), an_image(finding), finding, a_model())
    doubted = draw_overlay(
        some_pixels(), an_image(finding), finding, a_model(), notices=["Transfer interrupted"]
    )
    yellow = np.all(doubted == captions.WARNING_BACKGROUND, axis=2).sum()
    assert yellow > 1.5 * np.all(plain == captions.WARNING_BACKGROUND, axis=2).sum()


def test_an_unmarked_image_stands_beside_the_marked_one_where_it_is_wanted() -> None:
    image, finding = an_image(), an_image().positive[0]
    pixels = np.full((400, 300), 0.5, np.float32)
    overlay = draw_overlay(pixels, image, finding, a_model(), rendition=Rendition(beside=True))
    assert max(overlay.shape) <= 1280
    middle = overlay[overlay.shape[0] // 3 : -110]
    left, right = middle[:, : middle.shape[1] // 2 - 8], middle[:, middle.shape[1] // 2 + 8 :]
    assert (left[..., 0] == left[..., 2]).all(), "grey alone"
    assert (right[..., 0] != right[..., 2]).any(), "coloured"


@pytest.mark.parametrize("code", LanguageCode)
def test_a_picture_says_everything_in_one_language(code: LanguageCode) -> None:
    language = result_language(code.value)
    verdicts = "Pneumonia 87 % (threshold 50 %)    Cardiomegaly 20 % (threshold 45 %)"
    said = language.said(verdicts)
    assert ("threshold" in said) is (code is LanguageCode.ENGLISH)
    assert said.count("%") == 4
