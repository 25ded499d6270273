"""The page of the default models' figures is what their cards hold."""

from pathlib import Path

from scripts import figures

PAGE = Path(__file__).parents[3] / "docs" / "figures.md"


def test_the_page_shows_what_the_cards_hold() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert figures.page(text) == text, "run: make figures"


def test_every_figure_that_is_named_is_in_a_card() -> None:
    lines = figures.table().splitlines()[2:]
    assert len(lines) == len(figures.SHOWN)
